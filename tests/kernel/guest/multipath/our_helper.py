"""The helper of our host, as libvirt starts it: by root and without -u. It can be killed and started again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.support.client import Client, Reply

from ..initiators import opened
from ..service import Service


class OurHelper:
    """Not running until `start`. It has one client, which sends commands for `device`."""

    def __init__(self, socket: Path, device: Path) -> None:
        self.socket = socket
        self._service = Service(socket)
        self._device = device
        self._connection = ExitStack()

    def start(self) -> None:
        self._service.start()
        self._client = self._connection.enter_context(Client(self.socket, timeout=150))
        self._fd = opened(self._device, self._connection)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._service.kill()
        self._connection.close()

    def execute(self, cdb: bytes, data: bytes, allocation: int) -> Reply:  # noqa: ARG002
        """Send a command, as `Nexus` does. HungUpError if it is killed meanwhile."""
        return self._client.command(self._fd, cdb, data)
