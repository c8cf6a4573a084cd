"""Files of another process, which may have a root directory and a working directory of its own.

A path below /proc/PID/root leads there, but a link with an absolute target leads out again, to this process's own root
directory. So links are followed here.
"""

import contextlib
import os
from pathlib import Path

from .patience import patiently

_MAX_LINKS = 40  # as many as the kernel follows


def reached(pid: int, name: str) -> Path:
    """How this process reaches what another knows by a path: by the same path if it can, or if it may not look."""
    theirs = in_their_root(pid, name)
    if not name.startswith("/"):
        return patiently(lambda: _by_working_directory(pid, name, theirs), str(theirs)) or theirs
    return theirs if patiently(lambda: _is_theirs_alone(theirs, name), str(theirs)) else Path(name)


def in_their_root(pid: int, name: str) -> Path:
    """The same, by a path that leads through the other process, whether this one may look there or not."""
    if not name.startswith("/"):
        return Path(f"/proc/{pid}/cwd/{name}")
    path = f"/proc/{pid}/root{name}"
    return patiently(lambda: _followed(f"/proc/{pid}/root", name), path) or Path(path)


def _by_working_directory(pid: int, name: str, theirs: Path) -> Path | None:
    """The whole path, if it is one for this process as well. Raises OSError."""
    here = Path(os.readlink(f"/proc/{pid}/cwd"), name)  # noqa: PTH115
    return here if here.samefile(theirs) else None


def _is_theirs_alone(theirs: Path, name: str) -> bool:
    try:
        return not theirs.samefile(name)
    except OSError:
        return os.path.lexists(theirs)


def _followed(root: str, name: str) -> Path:
    """The path with no link in it. Raises OSError if there are too many."""
    ahead = name.split("/")[::-1]
    behind: list[str] = []
    links = 0
    while ahead:
        part = ahead.pop()
        if part == "..":
            del behind[-1:]
        elif part not in ("", "."):
            target = _target(f"{root}/{'/'.join([*behind, part])}")
            if target is None:
                behind.append(part)
                continue
            if (links := links + 1) > _MAX_LINKS:
                raise OSError(f"too many links in {name}")
            behind = [] if target.startswith("/") else behind
            ahead += target.split("/")[::-1]
    return Path(root, *behind)


def _target(path: str) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(path)  # noqa: PTH115
    return None
