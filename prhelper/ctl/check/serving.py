"""Whether a helper answers at a socket."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from ...channel import BrokenResourceError, EndOfStream
from ...client import Unreachable, connect, run
from . import stopped
from .causes import HELPER_MISSING, HELPER_SILENT, NOT_A_SOCKET, PATH_TOO_LONG, SOCKET_GONE, SOCKET_UNSERVED
from .finding import Finding
from .listening import connected, elsewhere, server_pid
from .units import state_of

PATIENCE = 10.0
"""Seconds for a helper to say its first word. One that systemd starts for it needs some."""

SOCKET_UNIT, SERVICE_UNIT = "prhelper.socket", "prhelper.service"
WORKER_UNIT = "prhelper-multipath.service"

_MAX_PATH = 107  # bytes: struct sockaddr_un, unix(7)
_MASKED = "masked"
_UNMASK = f"systemctl unmask {SOCKET_UNIT} {SERVICE_UNIT}, then systemctl enable --now {SOCKET_UNIT}."
_SEE_PROCESS = "See what pid {0} is and waits for (ps -p {0} -o stat,wchan,args), and its log."
_TURNS_AWAY = (
    "If it is a helper, its log says why it turns clients away, and prhelperctl status how many it has and may have "
    "(--max-clients, --max-clients-per-process)."
)
_HIDDEN = (
    "Have both see one file: no PrivateTmp=, TemporaryFileSystem= or mount namespace over it, or a path elsewhere, "
    "such as in /run."
)


def look(path: Path, name: str, is_default: bool) -> Iterator[Finding]:
    """`name`: the path as people know it. `is_default`: that of the unit."""
    if (length := len(os.fsencode(name))) > _MAX_PATH:
        yield PATH_TOO_LONG.found(name, f"it has {length} bytes")
        return
    try:
        mode = path.stat().st_mode
    except PermissionError:
        return  # is `access`'s to find
    except OSError as error:
        yield _missing(path, name, is_default, error)
        return
    if len(os.fsencode(path)) > _MAX_PATH:
        return  # it is too long only from here
    if not stat.S_ISSOCK(mode):
        yield NOT_A_SOCKET.found(name, f"{path} is {stat.filemode(mode)}")
        return
    refusal = connecting(path)
    match refusal and refusal.errno:
        case errno.ECONNREFUSED:
            yield SOCKET_UNSERVED.found(name, f"connecting to {path}: {os.strerror(errno.ECONNREFUSED)}")
        case errno.EPROTOTYPE:
            yield NOT_A_SOCKET.found(name, f"{path} is a socket of another type than a helper's (SOCK_STREAM)")
        case None | errno.EAGAIN:  # as many wait there already as it lets wait, perhaps not for long
            yield from _listening(path, name, is_default)


def _missing(path: Path, name: str, is_default: bool, error: OSError) -> Finding:
    seen = f"{path}: {error.strerror}"
    if (found := elsewhere(name)) is not None:
        pid, sees_it = found
        if sees_it:
            return SOCKET_GONE.found(name, f"{seen}; pid {pid} listens there, in a mount namespace of its own", _HIDDEN)
        return SOCKET_GONE.found(name, f"{seen}; pid {pid} listens there, but the file was removed")
    state = _state(SOCKET_UNIT, is_default)
    if (full := _full(path)) is not None:
        return HELPER_MISSING.found(name, f"{seen}{state}; {full} is full", f"Make room on {full}. Then start it.")
    return HELPER_MISSING.found(name, f"{seen}{state}", _UNMASK if _MASKED in state else "")


def _full(path: Path) -> Path | None:
    """The directory in which no file can be made, for want of room."""
    folder = next(each for each in path.absolute().parents if each.is_dir())
    room = os.statvfs(folder)
    is_full = (room.f_blocks and not room.f_bavail) or (room.f_files and not room.f_favail)
    return folder if is_full else None


def greets(path: Path, patience: float = PATIENCE) -> bool:
    """Whether who connects hears something, as from a helper or a multipath worker. That may start it."""
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.settimeout(patience)
            trial.connect(os.fspath(path))
            return bool(trial.recv(1))
    except OSError:
        return False


def connecting(path: Path) -> OSError | None:
    """What comes of connecting: None if somebody listens."""
    try:
        with connected(path):
            return None
    except OSError as error:
        return error


def _listening(path: Path, name: str, is_default: bool) -> Iterator[Finding]:
    try:
        with contextlib.closing(run(connect(path, PATIENCE))):
            return
    except Unreachable as error:
        listener = server_pid(path)
        if isinstance(error.__cause__, (EndOfStream, BrokenResourceError)):
            yield HELPER_SILENT.found(name, str(error), _TURNS_AWAY)
        else:
            yield _hanging(name, f"{error}{_state(SERVICE_UNIT, is_default)}", listener, is_default)


def _hanging(name: str, seen: str, pid: int | None, is_default: bool) -> Finding:
    if pid is None:
        return HELPER_SILENT.found(name, seen)
    seen = f"{seen}; pid {pid} listens there"
    if (stop := stopped.why(pid)) is not None:
        return HELPER_SILENT.found(name, f"{seen}; {stop.seen}", stop.remedy)
    return HELPER_SILENT.found(name, seen, "" if is_default else _SEE_PROCESS.format(pid))


def _state(unit: str, is_default: bool) -> str:
    state = state_of(unit) if is_default else ""
    return f"; {unit} is {state}" if state else ""
