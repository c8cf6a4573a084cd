"""The file of a Unix socket: created with the right mode, replaced only if stale, removed only by its creator."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from pathlib import Path
from typing import Self

from .context import pause
from .listener import SocketListener

_MAX_LOCK_WAIT = 2.0
_LOCK_RETRY_PAUSE = 0.01
"""Seconds. flock(2) itself has no timeout."""


class UnixListener(SocketListener):
    """A listener with a socket file, which it removes when it closes, unless the file has been replaced.

    Make one by `bind`.

    path: the file.
    """

    @classmethod
    async def bind(cls, path: str | Path, mode: int = 0o600, backlog: int = 128) -> Self:
        """Listen at `path`. Waits, for a limited time, while another listener starts in the same directory.

        mode: permission bits of the file, from the moment it exists, regardless of the umask.
        backlog: the most connections that may wait to be accepted.

        Raises FileExistsError if `path` exists and is not a socket, OSError with EADDRINUSE if a process listens there,
        and other OSErrors as bind(2) does.
        """
        path = Path(path)
        with contextlib.ExitStack() as held:
            await _lock(path.parent, held)
            return cls(path, mode, backlog)

    def __init__(self, path: Path, mode: int, backlog: int) -> None:
        _remove_if_stale(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # Linux gives the file the mode of the unbound socket, less the umask: it is never wider than that.
            os.fchmod(sock.fileno(), mode)
            sock.bind(os.fspath(path))
        except BaseException:
            sock.close()
            raise
        super().__init__(sock)
        self.path = path
        self._identity = _identity(path)
        try:
            path.chmod(mode)
            sock.listen(backlog)  # last: once clients can connect, the mode must be right
        except BaseException:
            self.close()
            raise

    def remove_file(self) -> None:
        """Remove the socket file if it is still the one created here. Later calls do nothing.

        Raises PermissionError where that is not allowed.
        """
        made, self._identity = self._identity, None
        if made is not None and _identity(self.path) == made:
            self.path.unlink(missing_ok=True)

    def _dispose(self) -> None:
        with contextlib.suppress(OSError):
            self.remove_file()
        super()._dispose()


async def _lock(directory: Path, held: contextlib.ExitStack) -> None:
    """Lock the directory until `held` is left, so that listeners that start at once see each other's files.

    Best effort: go on without the lock if the directory is unreadable or the lock is not free in time.
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
                await pause(_LOCK_RETRY_PAUSE)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
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
