"""Where helpers of this host listen: in another place than expected, or several in one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ...client import DEFAULT_SOCKET
from .causes import SEVERAL_HELPERS
from .finding import Finding
from .listening import helper_pids, server_pid, servers, sockets_of
from .serving import greets

PATIENCE = 1.0
"""Seconds for one to greet. Another socket of the same process, such as the control socket, does not."""


def paths() -> list[str]:
    """The paths at which helpers greet who connects from here, as far as this user may see."""
    places = {Path(path) for path in _listened_at()} | {DEFAULT_SOCKET}
    return sorted(str(path) for path in places if greets(path, PATIENCE))


def several_at(path: Path, name: str) -> Iterator[Finding]:
    """Whether more than one helper has a socket that was bound to this path."""
    pids = servers(path)
    if len(pids) > 1:
        current = server_pid(path)
        others = ", ".join(str(pid) for pid in pids if pid != current)
        seen = f"the file leads to pid {current}, as far as can be told; pid {others} listens there too"
        yield SEVERAL_HELPERS.found(name, seen)


def _listened_at() -> Iterator[str]:
    for pid in helper_pids():
        with contextlib.suppress(OSError):
            yield from sockets_of(pid)
