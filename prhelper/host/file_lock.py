"""Locks of an open file description (F_OFD_SETLK, fcntl(2)), and how one that was inherited becomes such a lock.

A lock of the process (F_SETLK) is lost when the process closes any descriptor of the file, say one that a client
passed. A lock of the open file description is not; and the two kinds exclude each other.

libvirt locks the pidfile of the helper that it starts with F_SETLK, and leaves it the descriptor. To stop the helper
it tries that lock: if it gets it, it takes the helper for dead, and leaves it running for ever.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FLOCK = struct.Struct("@hhqqi4x")  # struct flock: type, whence, start, length (0: to the end), pid (must be 0)
_FDINFO = Path("/proc/self/fdinfo")
_TYPES = {"READ": fcntl.F_RDLCK, "WRITE": fcntl.F_WRLCK}


def lock(fd: int, kind: int = fcntl.F_WRLCK, start: int = 0, length: int = 0) -> None:
    """Lock a range of a file for its open file description. Raises BlockingIOError if it is locked already."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, start, length, 0))


def keep_inherited() -> bool:
    """Turn each lock of this process into one of the open file description that it was taken on.

    In between the range is not locked, for some microseconds: call it while whatever started this process waits.
    Returns whether there was any, so that what started this process keeps watch on it, as libvirt does.
    """
    kept = False
    with contextlib.suppress(OSError):  # without /proc they stay what they are
        for held in list(_locks_of_process()):
            _convert(held)
            kept = True
    return kept


class _Held(NamedTuple):
    """A lock: the descriptor it was taken on, its type, its range."""

    fd: int
    kind: int
    start: int
    length: int


def _locks_of_process() -> Iterator[_Held]:
    """The locks of the process, as /proc has them (proc(5), fdinfo), each with the descriptor it was taken on."""
    for entry in _FDINFO.iterdir():
        with contextlib.suppress(FileNotFoundError):  # the descriptor of this directory is gone by now
            for line in entry.read_text().splitlines():
                if line.startswith("lock:") and "POSIX" in line:
                    *_, kind, _pid, _file, start, end = line.split()
                    length = 0 if end == "EOF" else int(end) - int(start) + 1
                    yield _Held(int(entry.name), _TYPES[kind], int(start), length)


def _convert(held: _Held) -> None:
    fcntl.lockf(held.fd, fcntl.LOCK_UN, held.length, held.start)
    try:
        lock(*held)
    except OSError:  # a file system without such locks
        fcntl.fcntl(held.fd, fcntl.F_SETLK, _FLOCK.pack(held.kind, os.SEEK_SET, held.start, held.length, 0))
