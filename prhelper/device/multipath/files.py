"""Small files and their directories, made so that a crash cannot lose what was written. Each call may raise OSError."""

import contextlib
import os
from pathlib import Path

from ...channel import OwnedFd

_MAX_SIZE = 1 << 20
"""Bytes that are read of a file. An entry has some hundred, with a name of each path among them."""


def exists(path: Path) -> bool:
    """Whether there is anything of this name, be it a link that leads nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def make_directory(path: Path) -> None:
    """Create a directory, and those above it, if missing; on the disk on return."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on the disk on return."""
    with OwnedFd(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
        os.fsync(directory.fileno())


def create(directory: int, name: str, content: bytes, sync: bool) -> None:
    """Write a whole file; with `sync` it is on the disk on return."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with OwnedFd(os.open(name, flags, 0o600, dir_fd=directory)) as file:
        while content:
            content = content[os.write(file.fileno(), content) :]
        if sync:
            os.fsync(file.fileno())


def content_of(directory: int, name: str) -> bytes | None:
    """What is in a file; None if there is none."""
    try:
        file = OwnedFd(os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory))
    except FileNotFoundError:
        return None
    with file:
        return os.read(file.fileno(), _MAX_SIZE)


def remove(directory: int, name: str) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)
