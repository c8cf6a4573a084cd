"""The file of a Unix socket: made with the right mode, replaced only when stale, removed only by who made it."""

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

_LONGEST_LOCK = 2.0
_LOCK_PAUSE = 0.01
"""Seconds: flock(2) has no time limit of its own."""


class UnixListener(SocketListener):
    """A listener that made a socket file, and removes that file when it closes, unless it is no longer the same one.

    Make one by `bind`. path: the file.
    """

    @classmethod
    async def bind(cls, path: str | Path, mode: int = 0o600, backlog: int = 128) -> Self:
        """Listen at `path`; waits while another starts in the same directory, but not for long.

        mode: permission bits of the file, from the moment that it exists; the umask takes nothing away.
        backlog: connections that may wait to be accepted.

        Raises FileExistsError if a file that is no socket is there, OSError with EADDRINUSE if somebody listens there,
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
            # Linux gives the file the mode of the unbound socket, less the umask: there is no moment with a wider one.
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
            sock.listen(backlog)  # last: from now on someone may connect, and look at the mode
        except BaseException:
            self.close()
            raise

    def remove_file(self) -> None:
        """Remove the socket file if it is still the one made here; the first call counts, later ones do nothing.

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
    """Lock the directory until `held` is left, so that of several who start at once one finds what another has made.

    Whoever cannot read the directory, or waits for too long, goes on without: a lock is no reason not to start.
    """
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        held.callback(os.close, fd)
        deadline = time.monotonic() + _LONGEST_LOCK
        while time.monotonic() < deadline:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await pause(_LOCK_PAUSE)


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
            pass  # a full backlog: somebody does listen
    raise OSError(errno.EADDRINUSE, "another process listens there", os.fspath(path))
