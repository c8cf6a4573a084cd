"""What the kinds that are plain descriptors share: one for both directions, or one for each.

A descriptor that can be waited for (a pipe, a terminal) keeps the mode that it has, since that belongs to everybody who
shares the open file: each call asks not to block by itself (`per_call`). One that cannot (a regular file, a disk) never
says "would block": reading it blocks the thread for as long as the disk takes, and a wait for it is over at once. The
kernel tells the two apart: epoll(7) refuses the second sort.
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
from .vectors import MOST_BUFFERS
from .waiter import Direction


class FdChannel(Channel):
    """Reads from one descriptor and writes to another, which may be the same one; owns both, even if this fails.

    A direction that is None is refused with io.UnsupportedOperation. What the kernel fails to read or write is
    BrokenResourceError. SIGPIPE must be ignored, as Python does unless told otherwise.
    """

    def __init__(self, reader: OwnedFd | None, writer: OwnedFd | None) -> None:
        super().__init__()
        self._fds = {Direction.READ: reader, Direction.WRITE: writer}
        self._per_call: dict[OwnedFd, PerCall] = {}
        try:
            for fd in self._owned():
                if _can_be_waited_for(fd):
                    self._per_call[fd] = PerCall(fd)
        except BaseException:
            self.close()
            raise

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int | None:
        fd = self._fd(Direction.READ)
        buffers = buffers[:MOST_BUFFERS]
        try:
            if (per_call := self._per_call.get(fd)) is not None:
                return per_call.readv(buffers)
            return os.readv(fd.fileno(), buffers)
        except OSError as error:
            raise BrokenResourceError from error

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int | None:
        fd = self._fd(Direction.WRITE)
        buffers = buffers[:MOST_BUFFERS]
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


def _can_be_waited_for(fd: OwnedFd) -> bool:
    with select.epoll(1) as probe:
        try:
            probe.register(fd.fileno(), 0)
        except PermissionError:
            return False
    return True
