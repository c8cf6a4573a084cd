"""A client that loses its connection as QEMU's pr-manager-helper does: so a restart looks to a virtual machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .client import Client, Reply

ATTEMPTS = 5


class PrManager:
    """Connects at the first command, and anew where a CDB cannot be sent; once it is sent, what is lost is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client: Client | None = None
        self.connections = 0

    def execute(self, fd: int, cdb: bytes, data: bytes) -> Reply:
        """Carry out a command as `Client.command` does. OSError, HungUpError: the guest would see an error."""
        client = self._send(cdb, fd)
        if data:
            client.send(data)
        return client.reply()

    def _send(self, cdb: bytes, fd: int) -> Client:
        for _ in range(ATTEMPTS):
            client = self._connected()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(cdb, [fd])
                return client
            self.close()
        raise ConnectionError(f"{self._path}: no connection lasts")

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client(self._path, timeout=60)
            self.connections += 1
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
