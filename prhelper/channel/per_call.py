"""Reading and writing a descriptor without blocking, whatever the mode of its open file.

O_NONBLOCK belongs to the open file, and so to everybody who shares it: whoever sets it surprises the others, and
whoever restores it those who set it too. So each call asks for itself (RWF_NOWAIT, preadv2(2)). Where the kernel does
not take that (terminals, FIFOs; any pipe before Linux 6.4), the call is made only when poll(2) says that it would not
block, and writes no more than poll(2) speaks for. One gap stays there: another process that takes the bytes, or the
room, between the two calls lets the second one block until there is more.
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
"""For preadv2(2) and pwritev2(2): the position of the open file."""


class PerCall:
    """Calls on `fd`, which it borrows: a pipe, a terminal, or whatever else poll(2) can wait for."""

    def __init__(self, fd: OwnedFd) -> None:
        self._fd = fd
        self._asks = {Direction.READ: True, Direction.WRITE: True}
        # A terminal is ready as soon as it has room for one byte.
        self._piece = 1 if os.isatty(fd.fileno()) else select.PIPE_BUF

    def readv(self, buffers: Sequence[WritableBuffer]) -> int | None:
        """How many bytes were read, 0 at the end, None if it would block. Raises OSError."""
        fd = self._fd.fileno()
        return self._try(
            Direction.READ,
            lambda: os.preadv(fd, buffers, _HERE, os.RWF_NOWAIT),
            lambda: os.readv(fd, buffers),
        )

    def writev(self, buffers: Sequence[ReadableBuffer]) -> int | None:
        """How many bytes were written, None if it would block. Raises OSError."""
        fd = self._fd.fileno()
        return self._try(
            Direction.WRITE,
            lambda: os.pwritev(fd, buffers, _HERE, os.RWF_NOWAIT),
            lambda: os.writev(fd, first_bytes(buffers, self._piece)),
        )

    def _try(self, direction: Direction, asking: Callable[[], int], when_ready: Callable[[], int]) -> int | None:
        try:
            if self._asks[direction]:
                try:
                    return asking()
                except OSError as error:
                    if error.errno != errno.EOPNOTSUPP:
                        raise
                    self._asks[direction] = False
            return when_ready() if is_ready(self._fd.fileno(), direction) else None
        except BlockingIOError:
            return None
