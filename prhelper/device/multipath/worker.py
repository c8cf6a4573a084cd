"""The multipath worker as the daemon sees it: a socket that is there, or appears later."""

import contextlib
import os
import socket
from pathlib import Path

from ...protocol import Origin
from .link import MAY_CONNECT, Link


class Worker:
    """The worker on the socket `path`. `instead`: why this process needs one.

    Once its socket has been seen, that a command does not reach it is a matter of time, and initiators are to try
    again. Until then maps are refused.
    """

    def __init__(self, path: Path, instead: str) -> None:
        self.path = path
        self._instead = instead
        self._was_seen = False

    def why_not(self) -> str | None:
        """Why there is none; None if there is one, or was."""
        if not self._was_seen and (reason := why_no_worker(self.path)) is not None:
            return f"{self._instead}, or {reason}"
        self._was_seen = True
        return None

    def link(self, origin: Origin) -> Link:
        """The way there for one client."""
        return Link(self.path, origin, self.why_not)

    def wake(self) -> None:
        """Have systemd start it, if that has not happened: it ends what was under way, and looks after paths."""
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.connect(str(self.path))


def why_no_worker(path: Path) -> str | None:
    """Why no multipath worker can be asked on this socket; None if one can."""
    if not path.is_socket():
        return f"start its worker, on {path} (systemctl enable --now prhelper-multipath.socket)"
    if not os.access(path, os.W_OK):
        return f"let it connect to its worker, on {path} ({MAY_CONNECT})"
    return None
