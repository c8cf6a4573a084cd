"""The block kind: a range of bytes of a file or device, as a stream (as QEMU's migration/channel-block)."""

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from .base import Channel
from .descriptors import OwnedFd
from .errors import BrokenResourceError
from .feature import Feature
from .transfer import ReadableBuffer, WritableBuffer
from .vectors import IOV_MAX, first_bytes
from .waiter import Direction


class BlockChannel(Channel):
    """`length` bytes from `offset` on in the file or device `fd`, which it owns. Never waits.

    The stream ends with the range or the file. Writing past the range raises BrokenResourceError from ENOSPC, as on a
    disk; other errors are raised in the same way. One position, from 0 to `length`, serves both directions. The offset
    of the open file description is neither used nor moved, so it may be shared. Raises ValueError for a negative range.
    """

    features = Feature.SEEKABLE

    def __init__(self, fd: OwnedFd, offset: int, length: int) -> None:
        if offset < 0 or length < 0:
            raise ValueError(f"not a range of a file: {length} bytes from {offset}")
        super().__init__()
        self._fd = fd
        self._offset = offset
        self._length = length
        self._position = 0

    @classmethod
    def open(
        cls, path: str | Path, flags: int = os.O_RDONLY, offset: int = 0, length: int | None = None, mode: int = 0o666
    ) -> Self:
        """Open a file or device as open(2) does, and take the range from `offset`, by default to its present end.

        mode: permission bits of a file that is created, less the umask. Raises OSError, and ValueError for an `offset`
        past the end.
        """
        fd = OwnedFd(os.open(path, flags, mode))
        try:
            if length is None:
                length = os.lseek(fd.fileno(), 0, os.SEEK_END) - offset
            return cls(fd, offset, length)
        except BaseException:
            fd.close()
            raise

    def _readv(self, buffers: Sequence[WritableBuffer], _fds: list[OwnedFd] | None) -> int:
        inside = first_bytes(buffers[:IOV_MAX], self._length - self._position)
        try:
            count = os.preadv(self._fd.fileno(), inside, self._offset + self._position)
        except OSError as error:
            raise BrokenResourceError from error
        self._position += count
        return count

    def _writev(self, buffers: Sequence[ReadableBuffer], _fds: Iterable[int]) -> int:
        inside = first_bytes(buffers[:IOV_MAX], self._length - self._position)
        try:
            if not inside and any(map(len, buffers)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            count = os.pwritev(self._fd.fileno(), inside, self._offset + self._position)
        except OSError as error:
            raise BrokenResourceError from error
        self._position += count
        return count

    def _wait_on(self, direction: Direction) -> None:  # noqa: ARG002
        return None

    def _seek(self, offset: int, whence: int) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if not 0 <= origin + offset <= self._length:
            raise OSError(errno.EINVAL, f"position {origin + offset} is outside the range of {self._length} bytes")
        self._position = origin + offset
        return self._position

    def _dispose(self) -> None:
        self._fd.close()
