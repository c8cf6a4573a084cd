"""Which processes listen at which sockets, as far as this user may look into them."""

import contextlib
import functools
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from ..patience import patiently
from ..their_paths import in_their_root

_PROC = Path("/proc")
_NAMES = (b"prhelper", b"qemu-pr-helper")
_WORKER = b"--multipath-worker"
_FIRST_WORDS = 5
"""Of a command line: /usr/bin/python3 -I -m prhelper ..."""

_PATH = 7
_LISTENING = "00010000"
"""Flags of a socket that listens (the kernel's net/unix/af_unix.c)."""

_PATIENCE = 10.0


@functools.cache
def helper_pids() -> list[int]:
    """The processes that are helpers, by their command lines, as they were when first asked for or `look_again`."""
    return sorted(_found())


def look_again() -> None:
    """Helpers may have been started since."""
    helper_pids.cache_clear()


def _found() -> Iterator[int]:
    """Multipath workers are left out."""
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            words = command_line(int(folder.name))
            if _WORKER not in words and any(word.rpartition(b"/")[2] in _NAMES for word in words[:_FIRST_WORDS]):
                yield int(folder.name)


def command_line(pid: int) -> list[bytes]:
    """The words that a process was started with; none if they cannot be had."""
    return (patiently(Path(f"/proc/{pid}/cmdline").read_bytes) or b"").split(b"\0")


def sockets_of(pid: int) -> list[str]:
    """The paths of those that a process listens on. Raises OSError if it may not be looked into, or has gone."""
    return [path for path in _listening_sockets(pid).values() if path.startswith("/")]


def servers(path: Path) -> list[int]:
    """The helpers that listen at a path: one for each socket that was bound to it, though the file is of one."""
    found: dict[str, int] = {}
    for pid in helper_pids():
        with contextlib.suppress(OSError):
            for inode, each in _listening_sockets(pid).items():
                if each.startswith("/") and _is_same(path, each, pid):
                    found.setdefault(inode, pid)
    return [*found.values()]


def server_pid(path: Path) -> int | None:
    """The process that serves a socket; None if it is systemd, or cannot be told."""
    candidates = servers(path)
    if len(candidates) == 1:
        return candidates[0]
    called = _who_called_listen(path)
    return called if called in candidates or not candidates else candidates[-1]


def elsewhere(name: str) -> tuple[int, bool] | None:
    """A helper that listens at a path where nothing is to be seen, and whether it sees the file itself."""
    real = os.path.realpath(name)
    for pid in helper_pids():
        with contextlib.suppress(OSError):
            if real in map(os.path.realpath, sockets_of(pid)):
                return pid, Path(f"/proc/{pid}/root{real}").is_socket()
    return None


@contextlib.contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    """A connection. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(_PATIENCE)
        trial.connect(os.fspath(path))
        yield trial


def _who_called_listen(path: Path) -> int | None:
    """As the kernel remembers it. If that process went into the background or was replaced, it has ended since.

    Its number may be another's by now, which listens nowhere.
    """
    try:
        with connected(path) as trial:
            pid = int.from_bytes(trial.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), sys.byteorder)
    except OSError:
        return None
    try:
        return pid if pid > 1 and sockets_of(pid) else None
    except PermissionError:
        return pid
    except OSError:
        return None


def _listening_sockets(pid: int) -> dict[str, str]:
    """The path of each, by its inode's number. Raises OSError."""
    inodes = {_inode(file) for file in (_PROC / str(pid) / "fd").iterdir()}
    lines = (_PROC / str(pid) / "net/unix").read_bytes().decode(errors="surrogateescape").split("\n")
    rows = [line.split(maxsplit=7) for line in lines]  # number, references, protocol, flags, type, state, inode, path
    return {row[6]: row[7] for row in rows if len(row) > _PATH and row[3] == _LISTENING and row[6] in inodes}


def _is_same(path: Path, listed: str, pid: int) -> bool:
    """Whether it is the file that a process sees there or, where that sees none as in a sandbox, this process."""
    for place in (in_their_root(pid, listed), Path(listed)):
        with contextlib.suppress(OSError):
            return path.samefile(place)
    return False


def _inode(file: Path) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(file).removeprefix("socket:[").removesuffix("]")  # noqa: PTH115
    return ""
