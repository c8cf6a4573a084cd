"""The first half of a start with --replace: asks the one that listens, and gets what this start goes on with.

Before there is an event loop, and so that little is imported for it.
"""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from ..channel.descriptors import OwnedFd, control_space, unpack_rights
from ..channel.socket_file import SharedSocketFile, SocketFile
from ..handover import offer
from ..handover.message import HandoverError
from ..handover.offer import Offer, RefusedError
from ..host.errors import StartError
from ..host.pidfile import Pidfile, SharedPidfile, same_file

_PATIENCE = 10.0
"""Seconds for the other process to answer."""

_SILENT = "does not answer: it is stuck, or has no descriptor to spare, which its log says; stop it instead"

_RETRY_PAUSE = 0.02
_MAX_ANSWER = 65_536
_MAX_FDS = 16
_UCRED = struct.Struct("3i")


class Predecessor:
    """The process whose place this one is to take, and what it passed, which may be used only once that is decided.

    pid: its own. mailbox: the way between the two.
    owning: what to call then, for each thing of its that this start goes on with.
    """

    def __init__(self, made: Offer, fds: list[OwnedFd]) -> None:
        self.pid = made.pid
        self.role = made.role
        self.mailbox = socket.socket(fileno=fds[0].detach())
        self._passed = dict(zip(made.names, fds[1:], strict=True))
        self.used: list[str] = []
        self.owning: list[Callable[[], None]] = []

    def listening(self, path: Path) -> SocketFile:
        """Its listening socket, which was reached at `path`."""
        return self._shared(offer.SOCKET, path)

    def control(self, path: Path) -> SocketFile | None:
        """Its control socket, if that is at `path`."""
        fd = self._passed.get(offer.CONTROL)
        return None if fd is None or not _is_at(fd, path) else self._shared(offer.CONTROL, path)

    def pidfile(self, path: Path) -> Pidfile | None:
        """Its pidfile, if that is at `path`."""
        fd = self._passed.get(offer.PIDFILE)
        if fd is None or not same_file(fd.fileno(), path):
            return None
        pidfile = SharedPidfile(path, self._take(offer.PIDFILE).detach())
        self.owning.append(pidfile.own)
        return pidfile

    @property
    def state_directory(self) -> OwnedFd | None:
        """Its directory of emulated units, open and locked; it stays this object's."""
        return self._passed.get(offer.STATE)

    def close(self) -> None:
        """Close what this start has no use for."""
        for fd in self._passed.values():
            fd.close()

    def _shared(self, name: str, path: Path) -> SocketFile:
        file = SharedSocketFile(path, socket.socket(fileno=self._take(name).detach()))
        self.owning.append(file.own)
        return file

    def _take(self, name: str) -> OwnedFd:
        self.used.append(name)
        return self._passed.pop(name)


def ask(path: Path, role: str, emulates: bool) -> Predecessor | None:
    """Ask the process that listens on `path`; None if there is none. Raises StartError, and it serves on.

    role, emulates: what this process would be, and whether it would go on with emulated units.
    """
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(_PATIENCE)
        connection.bind(offer.REPLACES + os.urandom(8).hex().encode())
        try:
            _connect(connection, path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise StartError(f"--replace: {path}: {error.strerror or error}") from error
        try:
            return _converse(connection, role, emulates)
        except RefusedError as error:
            raise StartError(f"--replace: the prhelper on {path} cannot be replaced: {error}") from error
        except TimeoutError as error:
            raise StartError(f"--replace: the process on {path} {_SILENT}") from error
        except (OSError, HandoverError) as error:
            raise StartError(f"--replace: {path}: {error}; stop it, and start without --replace") from error


def _connect(connection: socket.socket, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return connection.connect(os.fspath(path))
        except BlockingIOError:  # as many wait there already as it allows
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_PAUSE)


def _converse(connection: socket.socket, role: str, emulates: bool) -> Predecessor:
    """Raises RefusedError, HandoverError and OSError."""
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    if uid not in (0, os.geteuid()):
        # Its file is that user's, who could then use disks by the rights of this process.
        raise RefusedError(f"its socket is of uid {uid}: start the new one as that user")
    data, ancillary, _, _ = connection.recvmsg(_MAX_ANSWER, control_space(_MAX_FDS), socket.MSG_CMSG_CLOEXEC)
    fds = unpack_rights(ancillary)
    try:
        made = offer.decode(data)
        if len(fds) != 1 + len(made.names):
            raise HandoverError("its descriptors did not arrive (ulimit -n; the policy of AppArmor or SELinux)")
        if made.role != role:
            raise RefusedError(f"it is a {made.role}, and this would be a {role} (--multipath-worker)")
        if offer.STATE in made.names and not emulates:
            raise RefusedError("it emulates reservations, which would be lost: start the new one with --emulate, too")
        return Predecessor(made, fds)
    except BaseException:
        for fd in fds:
            fd.close()
        raise


def _is_at(fd: OwnedFd, path: Path) -> bool:
    """Whether a socket was bound to the file that is at `path`, by this name of it or another."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd.fileno())) as sock:
        return path.samefile(sock.getsockname())
    return False
