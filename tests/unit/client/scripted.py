"""A helper that does as a test says, connection by connection: it speaks the wire with code of its own."""

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

FEATURES = bytes(4)

PATIENCE = 20.0
"""Seconds for what a test has waited for in vain."""

Request = tuple[bytes, bytes]
"""A CDB, and the parameter list."""


def response(status: int = 0, payload: bytes = b"", sense: bytes = b"") -> bytes:
    return struct.pack(">ii", status, len(payload)) + sense.ljust(96, b"\0") + payload


class Connection:
    """What a helper has accepted."""

    def __init__(self, sock: socket.socket, requests: list[Request]) -> None:
        self._socket = sock
        self._requests = requests

    def negotiate(self) -> None:
        self.send(FEATURES)
        assert self.receive(4) == FEATURES

    def receive(self, size: int) -> bytes:
        """Receive exactly so much, or nothing more. Descriptors are closed."""
        data = b""
        while len(data) < size:
            more, fds, _, _ = socket.recv_fds(self._socket, size - len(data), 4)
            for fd in fds:
                os.close(fd)
            if not more:
                break
            data += more
        return data

    def request(self) -> Request | None:
        """The next request, which is noted; None if there is none."""
        cdb = self.receive(16)
        if len(cdb) < 16:
            return None
        data = self.receive(int.from_bytes(cdb[7:9])) if cdb[0] == 0x5F else b""
        self._requests.append((cdb, data))
        return cdb, data

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        socket.send_fds(self._socket, [data], fds)


Script = Callable[[Connection], object]


def answering(*answers: bytes) -> Script:
    """Negotiates, answers one request after another with these bytes, and hangs up."""

    def script(connection: Connection) -> None:
        connection.negotiate()
        for answer in answers:
            connection.request()
            connection.send(answer)

    return script


def waiting(then: threading.Event) -> Script:
    """Takes a request and does not answer it; hangs up at the event."""

    def script(connection: Connection) -> None:
        connection.negotiate()
        connection.request()
        assert then.wait(PATIENCE)

    return script


class Helper:
    """Plays a script for each connection, one after another, and hangs up on it when the script ends.

    requests: all that came, over all connections.
    """

    def __init__(self, path: Path, scripts: Sequence[Script]) -> None:
        self.path = path
        self.requests: list[Request] = []
        self.connections = 0
        self._scripts = scripts
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def _play(self) -> None:
        for script in self._scripts:
            sock, _ = self._listener.accept()
            with sock:
                self.connections += 1
                with contextlib.suppress(OSError):  # it has hung up first
                    script(Connection(sock, self.requests))

    def wait(self) -> None:
        """Wait until every script has been played."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def close(self) -> None:
        """May be called again."""
        if self._listener.fileno() < 0:
            return
        while self._thread.is_alive():  # scripts that no client came for
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
                sock.connect(os.fspath(self.path))
                sock.shutdown(socket.SHUT_RDWR)
            self._thread.join(0.01)
        self._listener.close()
        self.path.unlink()


@contextlib.contextmanager
def helper(path: Path, *scripts: Script) -> Iterator[Helper]:
    """A helper for a while."""
    made = Helper(path, scripts)
    try:
        yield made
    finally:
        made.close()
