"""Where helpers of this host listen: for who looks for one in the wrong place."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ...client import DEFAULT_SOCKET
from ..hosts_machines import patiently
from .serving import greets

_PROC = Path("/proc")
_NAMES = (b"prhelper", b"qemu-pr-helper")
_WORKER = b"--multipath-worker"
_FIRST_WORDS = 5
"""Of a command line: /usr/bin/python3 -I -m prhelper ..."""

PATIENCE = 1.0
"""Seconds for one to greet. Another socket of the same process, such as the control socket, does not."""

_LISTENING = "00010000"
"""Flags of a socket that listens (the kernel's net/unix/af_unix.c)."""


def paths() -> list[str]:
    """The paths at which helpers greet who connects from here, as far as this user may see."""
    places = {Path(path) for pid in _pids() for path in _sockets_of(pid)} | {DEFAULT_SOCKET}
    return sorted(str(path) for path in places if greets(path, PATIENCE))


def _pids() -> Iterator[int]:
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            words = (patiently((folder / "cmdline").read_bytes) or b"").split(b"\0")
            if _WORKER not in words and any(word.rpartition(b"/")[2] in _NAMES for word in words[:_FIRST_WORDS]):
                yield int(folder.name)


def _sockets_of(pid: int) -> Iterator[str]:
    """The paths of those that a process listens on."""
    with contextlib.suppress(OSError):
        inodes = {_inode(file) for file in (_PROC / str(pid) / "fd").iterdir()}
        for line in (_PROC / str(pid) / "net/unix").read_text().splitlines():
            columns = line.split(maxsplit=7)  # number, references, protocol, flags, type, state, inode, path
            if columns[3] == _LISTENING and columns[6] in inodes and columns[-1].startswith("/"):
                yield columns[-1]


def _inode(file: Path) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(file).removeprefix("socket:[").removesuffix("]")  # noqa: PTH115
    return ""
