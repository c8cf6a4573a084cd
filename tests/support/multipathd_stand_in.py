"""A server that stands in for multipathd, on a real socket."""

import fcntl
import socket
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .helper import wait_until

Answer = Callable[[socket.socket], None]


def message(text: bytes) -> bytes:
    """As the specification has it: a native size_t, the text, a NUL that is counted."""
    return struct.pack("@N", len(text) + 1) + text + b"\0"


def pieces(*parts: bytes) -> Answer:
    """Answer with these bytes, each sent when the one before it has been taken."""

    def answer(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            wait_until(lambda: not unread(connection), what="a client that reads")

    return answer


def unread(connection: socket.socket) -> int:
    """Bytes that were sent and not taken."""
    (size,) = struct.unpack("@i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
    return int(size)


def hold_until_hung_up(connection: socket.socket) -> None:
    assert connection.recv(1) == b""


class Server:
    """Listens at an address, and answers each connection in turn; `requests` are what it was asked."""

    def __init__(self, address: str, answer: Answer) -> None:
        self.address = address
        self.requests: list[bytes] = []
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(address)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                head = connection.recv(8, socket.MSG_WAITALL)
                if not head:
                    return
                (size,) = struct.unpack("@N", head)
                self.requests.append(connection.recv(size, socket.MSG_WAITALL))
                with suppress(BrokenPipeError, ConnectionResetError):  # the client has hung up
                    self._answer(connection)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
            end.connect(self.address)
        self._thread.join()
        self._listener.close()


@contextmanager
def serving(address: str | Path, answer: Answer) -> Iterator[Server]:
    server = Server(str(address), answer)
    try:
        yield server
    finally:
        server.close()
