"""The C helper and ours, and one exchange with either."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...support.client import Client
from ...support.fake_device import PATTERN, Answer, FakeDevice
from ...support.helper import OURS, Helper
from .version import programs


class Side:
    """One of the two helpers, and its fake devices."""

    def __init__(self, library: Path, directory: Path, command: Sequence[str]) -> None:
        self.device = FakeDevice(library, directory)
        self.helper = Helper(directory, command, env=self.device.env)

    def hold_exchange(self, messages: Sequence[tuple[bytes, Sequence[int]]]) -> bytes:
        """Send messages on a connection of their own, and nothing more: everything that comes back, to the end."""
        with Client(self.helper.socket, negotiate=False) as client:
            with contextlib.suppress(ConnectionError):  # hung up on early; what came before that can still be read
                for data, fds in messages:
                    client.send(data, fds)
                client.stop_sending()
            return client.receive_all()

    def command(self, fd: int, cdb: bytes, parameter_list: bytes = b"") -> bytes:
        """Hold a connection for one command: the response."""
        messages: list[tuple[bytes, Sequence[int]]] = [(bytes(4), ()), (cdb, (fd,))]
        if parameter_list:
            messages.append((parameter_list, ()))
        return self.hold_exchange(messages)[4:]


class Pair:
    """Both sides. Asked the same, they should answer the same."""

    def __init__(self, library: Path, theirs: Path, ours: Path) -> None:
        with contextlib.ExitStack() as stack:
            self.theirs = Side(library, theirs, programs().helper)
            stack.enter_context(self.theirs.helper)
            self.ours = Side(library, ours, OURS)
            stack.enter_context(self.ours.helper)
            self._stack = stack.pop_all()

    def set(self, answer: Answer, data: bytes = PATTERN) -> None:
        """Let the devices of both sides answer alike."""
        for side in (self.theirs, self.ours):
            side.device.set(answer, data)

    def commands(self, fd: int, cdb: bytes, parameter_list: bytes = b"") -> tuple[bytes, bytes]:
        """Send one command to both: their response and ours."""
        return self.theirs.command(fd, cdb, parameter_list), self.ours.command(fd, cdb, parameter_list)

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@contextlib.contextmanager
def opened(path: Path | str, flags: int = os.O_RDWR) -> Iterator[int]:
    """A descriptor for a while."""
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)
