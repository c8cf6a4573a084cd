"""Reading and writing a descriptor without blocking, in whatever mode it is.

O_NONBLOCK belongs to the open file description, and so to every process that shares it: setting it surprises the
others, and so does restoring it. So each call asks for itself (RWF_NOWAIT, preadv2(2)). Where the kernel does not
support that (terminals, FIFOs; any pipe before Linux 6.4), the call is made only when poll(2) says that it would not
block, and writes no more than poll(2) vouches for. One race remains there: if another process takes the bytes, or the
room, between the two calls, the second one blocks until there is more.
"""

import errno
import os
import select
from collections.abc import Callable, Sequence

from .descriptors import OwnedFd
from .transfer import ReadableBuffer, WritableBuffer
from .vectors import first_bytes
from .waiter import Direction, is_ready

_HERE = -1
"""For preadv2(2) and pwritev2(2): the file offset of the open file description."""


class PerCall:
    """Non-blocking calls on `fd`, which it borrows: a pipe, a terminal, or anything else that poll(2) can wait for."""

    def __init__(self, fd: OwnedFd) -> None:
        self._fd = fd
        self._has_nowait = {Direction.READ: True, Direction.WRITE: True}
        # A terminal is ready as soon as it has room for one byte.
        self._write_size = 1 if os.isatty(fd.fileno()) else select.PIPE_BUF

    def readv(self, buffers: Sequence[WritableBuffer]) -> int | None:
        """The number of bytes read, 0 at the end, None if it would block. Raises OSError."""
        fd = self._fd.fileno()
        return self._try(
            Direction.READ,
            lambda: os.preadv(fd, buffers, _HERE, os.RWF_NOWAIT),
            lambda: os.readv(fd, buffers),
        )

    def writev(self, buffers: Sequence[ReadableBuffer]) -> int | None:
        """The number of bytes written, None if it would block. Raises OSError."""
        fd = self._fd.fileno()
        return self._try(
            Direction.WRITE,
            lambda: os.pwritev(fd, buffers, _HERE, os.RWF_NOWAIT),
            lambda: os.writev(fd, first_bytes(buffers, self._write_size)),
        )

    def _try(self, direction: Direction, nowait: Callable[[], int], if_ready: Callable[[], int]) -> int | None:
        try:
            if self._has_nowait[direction]:
                try:
                    return nowait()
                except OSError as error:
                    if error.errno != errno.EOPNOTSUPP:
                        raise
                    self._has_nowait[direction] = False
            return if_ready() if is_ready(self._fd.fileno(), direction) else None
        except BlockingIOError:
            return None
