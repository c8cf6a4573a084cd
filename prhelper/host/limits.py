"""Limits on what this process may have: open files (setrlimit(2)), threads (cgroups(7), setrlimit(2))."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from .cgroups import paths_in
from .errors import StartError

FILES_OF_OUR_OWN = 32
"""Open files without any client."""

_CGROUP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, if a sandbox allows it. Returns the limit in force.

    Raises StartError if that is too low to start.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if open_files < FILES_OF_OUR_OWN:
        raise StartError(
            f"only {open_files} open files are allowed and prhelper needs {FILES_OF_OUR_OWN} and more: "
            "raise the limit (LimitNOFILE=, ulimit -n)"
        )
    return open_files


def task_limit() -> int | None:
    """How many threads this process may have, at most; None if nothing limits them, or nothing says so.

    The cgroups above may limit them (pids.max), and so may the user's own limit, which does not apply to root.
    """
    limits = list(_cgroup_limits())
    of_user = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if os.getuid() and of_user != resource.RLIM_INFINITY:
        limits.append(of_user)
    return min(limits, default=None)


def _cgroup_limits() -> Iterator[int]:
    try:
        content = _CGROUP.read_bytes()
    except OSError:
        return
    for path in paths_in(content, b"0", b""):
        folder = _CGROUPS / path.lstrip("/")
        for each in (folder, *folder.parents):
            if not each.is_relative_to(_CGROUPS):
                return
            with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
                yield int((each / "pids.max").read_text())
