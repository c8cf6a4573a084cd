"""A helper that can be killed and started again on the same path."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from . import helper


class Service:
    """Not running until `start`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._running = ExitStack()

    def start(self) -> None:
        self._process = self._running.enter_context(helper.running(self.path))

    def kill(self) -> None:
        """End it by SIGKILL; its socket is gone as well."""
        self._process.kill()
        self._running.close()
