"""What the kinds made of plain descriptors share: one for both directions, or one for each.

A descriptor that can be polled (a pipe, a terminal) keeps its mode, which belongs to the open file description and so
to every process that shares it: each call itself asks not to block (`per_call`). One that cannot (a regular file, a
disk) never would block: reading it blocks the thread until the disk has answered, and a wait for it returns at once.
epoll(7) refuses the latter, which is how they are told apart.
"""

import io
import os
import select
from collections.abc import Iterable, Sequence

from .base import Channel
from .descriptors import OwnedFd
from .errors import BrokenResourceError
from .per_call import PerCall
from .transfer import ReadableBuffer, WritableBuffer
from .vectors import IOV_MAX
from .waiter import Direction


class FdChannel(Channel):
    """Reads from one descriptor and writes to another, or the same; owns both, even if the constructor raises.

    A direction that is None is refused with io.UnsupportedOperation. Errors in reading and writing become
    BrokenResourceError. SIGPIPE must be ignored, as it is by default in Python.
    """

    def __init__(self, reader: OwnedFd | None, writer: OwnedFd | None) -> None:
        super().__init__()
        self._fds = {Direction.READ: reader, Direction.WRITE: writer}
        self._per_call: dict[OwnedFd, PerCall] = {}
        try:
            for fd in self._owned():
                if _is_pollable(fd):
                    self._per_call[fd] = PerCall(fd)
        except BaseException:
            self.close()
            raise

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int | None:
        fd = self._fd(Direction.READ)
        buffers = buffers[:IOV_MAX]
        try:
            if (per_call := self._per_call.get(fd)) is not None:
                return per_call.readv(buffers)
            return os.readv(fd.fileno(), buffers)
        except OSError as error:
            raise BrokenResourceError from error

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int | None:
        fd = self._fd(Direction.WRITE)
        buffers = buffers[:IOV_MAX]
        try:
            if (per_call := self._per_call.get(fd)) is not None:
                return per_call.writev(buffers)
            return os.writev(fd.fileno(), buffers)
        except OSError as error:
            raise BrokenResourceError from error

    def _wait_on(self, direction: Direction) -> tuple[int, Direction] | None:
        fd = self._fd(direction)
        return (fd.fileno(), direction) if fd in self._per_call else None

    def _fd(self, direction: Direction) -> OwnedFd:
        if (fd := self._fds[direction]) is None:
            raise io.UnsupportedOperation(f"this {type(self).__name__} cannot {direction.value}")
        return fd

    def _owned(self) -> set[OwnedFd]:
        return {fd for fd in self._fds.values() if fd is not None}

    def _dispose(self) -> None:
        for fd in self._owned():
            fd.close()


def _is_pollable(fd: OwnedFd) -> bool:
    with select.epoll(1) as probe:
        try:
            probe.register(fd.fileno(), 0)
        except PermissionError:
            return False
    return True
