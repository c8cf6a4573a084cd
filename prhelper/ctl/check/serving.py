"""Whether a helper answers at a socket."""

import contextlib
import errno
import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from ...client import Unreachable, connect, run
from .causes import HELPER_MISSING, HELPER_SILENT, NOT_A_SOCKET, SOCKET_UNSERVED, Finding
from .units import state_of

PATIENCE = 10.0
"""Seconds for a helper to say its first word. One that systemd starts for it needs some."""

SOCKET_UNIT, SERVICE_UNIT = "prhelper.socket", "prhelper.service"
WORKER_UNIT = "prhelper-multipath.service"

_MASKED = "masked"
_UNMASK = f"systemctl unmask {SOCKET_UNIT} {SERVICE_UNIT}, then systemctl enable --now {SOCKET_UNIT}."
_SEE_PROCESS = "See what pid {0} is, and its log; if it is stopped (state T in ps -p {0} -o stat), kill -CONT {0}."


def look(path: Path, name: str, is_default: bool) -> Iterator[Finding]:
    """`name`: the path as people know it. `is_default`: that of the unit."""
    try:
        mode = path.stat().st_mode
    except PermissionError:
        return  # is `access`'s to find
    except OSError as error:
        state = _state(SOCKET_UNIT, is_default)
        yield HELPER_MISSING.found(name, f"{path}: {error.strerror}{state}", _UNMASK if _MASKED in state else "")
        return
    if not stat.S_ISSOCK(mode):
        yield NOT_A_SOCKET.found(name, f"{path} is {stat.filemode(mode)}")
        return
    if (refusal := connecting(path)) is None:
        yield from _listening(path, name, is_default)
    elif refusal.errno == errno.ECONNREFUSED:
        yield SOCKET_UNSERVED.found(name, f"connecting to {path}: {refusal.strerror}")


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
        with _connected(path):
            return None
    except OSError as error:
        return error


def _listening(path: Path, name: str, is_default: bool) -> Iterator[Finding]:
    try:
        with contextlib.closing(run(connect(path, PATIENCE))):
            return
    except Unreachable as error:
        listener = server_pid(path)
        if is_default or listener is None:
            yield HELPER_SILENT.found(name, f"{error}{_state(SERVICE_UNIT, is_default)}")
        else:
            yield HELPER_SILENT.found(name, f"{error}; pid {listener} listens there", _SEE_PROCESS.format(listener))


def _state(unit: str, is_default: bool) -> str:
    state = state_of(unit) if is_default else ""
    return f"; {unit} is {state}" if state else ""


def server_pid(path: Path) -> int | None:
    """The process that listens; None if it is systemd, or cannot be told."""
    try:
        with _connected(path) as trial:
            pid = int.from_bytes(trial.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), sys.byteorder)
    except OSError:
        return None
    return pid if pid > 1 else None


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(PATIENCE)
        trial.connect(os.fspath(path))
        yield trial
