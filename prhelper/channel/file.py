"""The file kind: anything with a path or a descriptor, and pipes (QEMU: QIOChannelFile)."""

import fcntl
import os
from pathlib import Path
from typing import Self

from .descriptors import OwnedFd
from .fd_channel import FdChannel
from .feature import Feature


class FileChannel(FdChannel):
    """An open file with one position for reading and writing. Owns `fd`; what its access mode forbids is refused.

    Regular files and disks never would block; pipes and terminals do (`fd_channel`). SEEKABLE where lseek(2) works.
    """

    def __init__(self, fd: OwnedFd) -> None:
        access = fcntl.fcntl(fd.fileno(), fcntl.F_GETFL) & os.O_ACCMODE
        super().__init__(fd if access != os.O_WRONLY else None, fd if access != os.O_RDONLY else None)
        if _can_seek(fd):
            self.features = Feature.SEEKABLE
        self._file = fd

    @classmethod
    def open(cls, path: str | Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> Self:
        """Open a file, as open(2) does: opening a FIFO blocks until its other end is opened, unless with O_NONBLOCK.

        mode: permission bits of a file that is created, less the umask. Raises OSError.
        """
        return cls(OwnedFd(os.open(path, flags, mode)))

    @classmethod
    def adopt(cls, fd: int) -> Self:
        """Take ownership of a descriptor. Raises OSError if it is not open."""
        os.fstat(fd)
        return cls(OwnedFd(fd))

    @classmethod
    def pipe(cls) -> tuple[Self, Self]:
        """A new pipe: what is written to the second channel arrives at the first."""
        reader, writer = os.pipe()
        return cls(OwnedFd(reader)), cls(OwnedFd(writer))

    def _seek(self, offset: int, whence: int) -> int:
        return os.lseek(self._file.fileno(), offset, whence)


def _can_seek(fd: OwnedFd) -> bool:
    try:
        os.lseek(fd.fileno(), 0, os.SEEK_CUR)
    except OSError:
        return False
    return True
