"""Where helpers of this host listen: for who looks for one in the wrong place."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ...client import DEFAULT_SOCKET
from .listening import helper_pids, sockets_of
from .serving import greets

PATIENCE = 1.0
"""Seconds for one to greet. Another socket of the same process, such as the control socket, does not."""


def paths() -> list[str]:
    """The paths at which helpers greet who connects from here, as far as this user may see."""
    places = {Path(path) for path in _listened_at()} | {DEFAULT_SOCKET}
    return sorted(str(path) for path in places if greets(path, PATIENCE))


def _listened_at() -> Iterator[str]:
    for pid in helper_pids():
        with contextlib.suppress(OSError):
            yield from sockets_of(pid)
