"""A plain client of a persistent reservation helper, on a blocking socket: shares no code with what it tests."""

import array
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .patience import PATIENCE

_HEADER = struct.Struct(">ii")
_SENSE_SIZE = 96


@dataclass(frozen=True)
class Reply:
    """A response, as it came over the wire."""

    status: int
    sense: bytes
    payload: bytes


class HungUpError(Exception):
    """The helper closed the connection where an answer was due."""


class Client:
    """A negotiated connection. `negotiate=False` leaves the first bytes to the test."""

    def __init__(self, path: Path | str, *, negotiate: bool = True, timeout: float = PATIENCE) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(os.fspath(path))
            if negotiate:
                assert self.receive(4) == bytes(4)
                self.socket.sendall(bytes(4))
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes in one message, with descriptors."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        assert self.socket.sendmsg([data], rights) == len(data)

    def receive(self, size: int) -> bytes:
        """Receive exactly so many bytes."""
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise HungUpError(f"after {len(data)} of {size} bytes")
            data += more
        return data

    def receive_all(self) -> bytes:
        """Receive whatever comes until the helper closes the connection."""
        data = b""
        while True:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return data
            data += more

    def reply(self) -> Reply:
        """Receive one response."""
        status, size = _HEADER.unpack(self.receive(_HEADER.size))
        return Reply(status, self.receive(_SENSE_SIZE), self.receive(size))

    def command(self, fd: int, cdb: bytes, data: bytes = b"") -> Reply:
        """Send a command as QEMU does, the parameter list in a message of its own, and wait for the response."""
        self.send(cdb, [fd])
        if data:
            self.send(data)
        return self.reply()

    def stop_sending(self) -> None:
        """End this side of the connection; the other can still be received from."""
        self.socket.shutdown(socket.SHUT_WR)

    def hung_up(self) -> bool:
        """Wait for the helper's next move: whether it was to hang up."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def hangs_up_next(self) -> bool:
        """Wait for the helper's next move, and leave what it sends to be received: whether it was to hang up."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
