"""The pidfile: the daemon's PID, locked while it lives, so that a second start with it is refused."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from . import file_lock
from .errors import StartError

_MODE = 0o600
"""A process that can open the file for reading can take a read lock, which is enough to block a start."""


class PidfileError(StartError):
    """The pidfile cannot be written, or another process holds it; the text says which."""


class Pidfile:
    """A locked pidfile of this process. Make it after the last fork: it holds the PID of its maker.

    Raises PidfileError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = _open_locked(path)
        except BlockingIOError:
            raise PidfileError(f"--pidfile {path}: {_holder(path)} is running on it already") from None
        except OSError as error:
            raise PidfileError(f"--pidfile {path}: {error.strerror}") from error
        self._is_own = True
        try:
            self._write()
        except OSError as error:
            self.remove()
            raise PidfileError(f"--pidfile {path}: {error.strerror}") from error

    def fileno(self) -> int:
        """The descriptor, to be passed on: the lock goes with it."""
        return self._fd

    def give_up(self) -> None:
        """Leave file and lock to a process that has a duplicate."""
        self._is_own = False
        self.remove()

    def remove(self) -> None:
        """Remove the file, or empty it where that is not allowed, and release the lock. May be called again."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if self._is_own and same_file(fd, self.path):
                self.path.unlink()
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
        os.close(fd)

    def _write(self) -> None:
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)


class SharedPidfile(Pidfile):
    """The pidfile of another process, whose it stays until `own`.

    fd: a duplicate of its descriptor, with which the lock goes; this owns it.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._is_own = False

    def own(self) -> None:
        """Take the place of the process that has made the file."""
        self._is_own = True
        with contextlib.suppress(OSError):  # a full disk: it is locked all the same
            self._write()


def _open_locked(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, _MODE)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):  # removing would destroy a device or a FIFO
                raise OSError(errno.EINVAL, "is not a regular file; choose another path")
            with contextlib.suppress(PermissionError):  # another user's file; its owner can block a start anyway
                os.fchmod(fd, _MODE)
            file_lock.lock(fd)
            # The previous owner may have removed the file between open and lock: then the lock protects nothing.
            if same_file(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def same_file(fd: int, path: Path) -> bool:
    """Whether a descriptor is of the file at `path`. Raises OSError, but not if there is none."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    text = path.read_text(errors="replace").strip()[:20]
    return f"process {text}" if text.isdecimal() else "another process"
