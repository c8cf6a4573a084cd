"""The file of a Unix socket: created with the right mode, replaced only if stale, removed only by its creator.

Imports little, so that a daemon can listen first and import what it serves with while clients connect.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

_MAX_LOCK_WAIT = 2.0
_LOCK_RETRY_PAUSE = 0.01
"""Seconds. flock(2) itself has no timeout."""


class SocketFile:
    """A listening socket and its file. Make it under the lock of the directory, as `listen_at` does.

    Raises what `listen_at` raises.

    path: the file. socket: non-blocking; the caller owns it.
    """

    def __init__(self, path: Path, mode: int, backlog: int) -> None:
        _remove_if_stale(path)
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._identity: tuple[int, int] | None = None
        try:
            # Linux gives the file the mode of the unbound socket, less the umask: it is never wider than that.
            os.fchmod(self.socket.fileno(), mode)
            self.socket.bind(os.fspath(path))
            status = path.lstat()
            self._identity = _identity(status)
            # Little time between bind and listen: libvirt lets QEMU connect as soon as the file is there.
            if stat.S_IMODE(status.st_mode) != mode:
                path.chmod(mode)
            self.socket.listen(backlog)  # last: once clients can connect, the mode must be right
        except BaseException:
            with contextlib.suppress(OSError):
                self.remove()
            self.socket.close()
            raise

    def give_up(self) -> None:
        """Leave the file to another process."""
        self._identity = None

    def remove(self) -> None:
        """Remove the file if it is still the one created here. Later calls do nothing.

        Raises PermissionError where that is not allowed.
        """
        made, self._identity = self._identity, None
        with contextlib.suppress(FileNotFoundError):
            if _identity(self.path.lstat()) == made:
                self.path.unlink()


class SharedSocketFile(SocketFile):
    """A listening socket that another process has made, and its file, which stays that one's until `own`."""

    def __init__(self, path: Path, sock: socket.socket) -> None:
        self.path = path
        self.socket = sock
        self._identity = None

    def own(self) -> None:
        """Take the file, which is at its path, as if it had been created here."""
        with contextlib.suppress(OSError):
            self._identity = _identity(self.path.lstat())


def listen_at(path: Path, mode: int = 0o600, backlog: int = 128) -> SocketFile:
    """Listen at `path`. Blocks, for a limited time, while another listener starts in the same directory.

    mode: permission bits of the file, from the moment it exists, regardless of the umask.
    backlog: the most connections that may wait to be accepted.

    Raises FileExistsError if `path` exists and is not a socket, OSError with EADDRINUSE if a process listens there,
    and other OSErrors as bind(2) does.
    """
    with contextlib.ExitStack() as held:
        for seconds in lock(path.parent, held):
            time.sleep(seconds)
        return SocketFile(path, mode, backlog)


def lock(directory: Path, held: contextlib.ExitStack) -> Iterator[float]:
    """Lock the directory until `held` is left, so that listeners that start at once see each other's files.

    Yields the seconds to pause before each further attempt. Best effort: it ends without the lock if the directory is
    unreadable or the lock is not free in time.
    """
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        held.callback(os.close, fd)
        deadline = time.monotonic() + _MAX_LOCK_WAIT
        while time.monotonic() < deadline:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                yield _LOCK_RETRY_PAUSE


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _remove_if_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "exists and is not a socket", os.fspath(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass  # a full backlog: a process does listen
    raise OSError(errno.EADDRINUSE, "another process listens there", os.fspath(path))
