"""A multipath worker in the hands of a test: it speaks the wire as it is told, and shares no code with prhelper.

    def behave(daemon: Daemon) -> None:
        daemon.greet()
        asked = daemon.request()
        daemon.answer(Answer(status=0x18))

    with FakeWorker(path, behave):
        ...

Each connection has a thread, which runs `behave` and hangs up when that is over. What it raises, the end of the block
raises.
"""

import array
import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from .patience import PATIENCE

FEATURE = struct.pack(">I", 0x8000_0000)
_OUT = 0x5F


@dataclass(frozen=True)
class Request:
    """What a daemon sent: the command, on whose behalf, and which file its descriptor leads to."""

    cdb: bytes
    parameter_list: bytes
    origin: dict[str, Any]
    files: list[tuple[int, int]]


@dataclass(frozen=True)
class Answer:
    """The answer to a command, and the report about it."""

    status: int = 0
    sense: bytes = bytes(96)
    payload: bytes = b""
    report: dict[str, Any] = field(default_factory=lambda: asdict(Report()))

    def as_bytes(self) -> bytes:
        """As it goes over the wire."""
        report = json.dumps(self.report).encode()
        head = struct.pack(">ii", self.status, len(self.payload))
        return head + self.sense + self.payload + struct.pack(">I", len(report)) + report


@dataclass(frozen=True)
class Report:
    """The fields of a report; by default of a command that went to no map."""

    map_name: str = ""
    wwid: str = ""
    used: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    trouble: str | None = None
    error: int | None = None


class Daemon:
    """One connection of a daemon."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def greet(self, features: bytes = FEATURE) -> None:
        """Offer features, and take what the daemon wants of them."""
        self.socket.sendall(features)
        assert self._receive(4) == FEATURE

    def request(self) -> Request:
        """Receive a request, and close its descriptor."""
        cdb, ancillary, *_ = self.socket.recvmsg(16, socket.CMSG_SPACE(64), socket.MSG_WAITALL)
        (_, _, rights) = ancillary[0]
        files = []
        for fd in array.array("i", rights):
            status = os.fstat(fd)
            files.append((status.st_dev, status.st_ino))
            os.close(fd)
        parameter_list = self._receive(int.from_bytes(cdb[7:9], "big") if cdb[0] == _OUT else 0)
        (size,) = struct.unpack(">I", self._receive(4))
        return Request(cdb, parameter_list, json.loads(self._receive(size)), files)

    def answer(self, answer: Answer) -> None:
        self.socket.sendall(answer.as_bytes())

    def wait_for_hang_up(self) -> None:
        """Wait until the daemon has closed the connection."""
        with contextlib.suppress(ConnectionResetError):
            while self.socket.recv(65536):
                pass

    def _receive(self, size: int) -> bytes:
        data = self.socket.recv(size, socket.MSG_WAITALL) if size else b""
        assert len(data) == size
        return data


class FakeWorker:
    """Listens on `path`; `behave` is run for each connection. A context manager."""

    def __init__(self, path: Path, behave: Callable[[Daemon], None]) -> None:
        self.path = path
        self._behave = behave
        self._faults: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(path))
        self._listener.listen(256)
        self._accepting = threading.Thread(target=self._accept, name="fake-worker")
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # it was shut down
                return
            thread = threading.Thread(target=self._serve, args=(connection,), name="fake-worker")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            try:
                self._behave(Daemon(connection))
            except BaseException as fault:
                self._faults.append(fault)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.path.unlink()
        for thread in self._threads:
            thread.join()
        if self._faults and kind is None:
            raise self._faults[0]
