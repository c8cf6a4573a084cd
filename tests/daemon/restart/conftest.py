"""A helper that is restarted, with fake devices under it: a unit, or one that other starts take over from."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, PATTERN, FakeDevice
from ...support.helper import wait_until
from ...support.hold import Hold
from ...support.spc import GOOD, reserve_in
from .starts import Starts
from .unit import Unit

THOROUGH = "PRHELPER_THOROUGH" in os.environ
"""Whether to try every step of a replacement: each takes two starts or three, a third of a second each if idle."""


class Devices:
    """A healthy device, one that hangs, and clients of the helper that listens on `path`."""

    path: Path

    def __init__(self, library: Path, directory: Path) -> None:
        self.device = FakeDevice(library, directory)
        self.healthy = os.open(HEALTHY, os.O_RDWR)
        self.hanging = os.open(HANGING, os.O_RDWR)
        self.clients: list[Client] = []

    def connect(self, *, negotiate: bool = True) -> Client:
        self.clients.append(Client(self.path, negotiate=negotiate))
        return self.clients[-1]

    def check_served(self, client: Client) -> None:
        """A client's command is carried out and answered."""
        reply = client.command(self.healthy, reserve_in(0, 64))
        assert (reply.status, reply.payload) == (GOOD, PATTERN[:64])

    def served(self, clients: list[Client]) -> list[Client]:
        """The clients that are still connected: each has sent a command, which is answered once."""
        before = self.device.commands
        connected = []
        for client in clients:
            try:
                client.send(reserve_in(0), [self.healthy])
            except BrokenPipeError:
                continue
            if not client.hangs_up_next():
                assert client.reply().status == GOOD
                connected.append(client)
        assert self.device.commands == before + len(connected)
        return connected

    def wait_for_hanging(self, count: int) -> None:
        wait_until(lambda: self.device.hanging == count, what=f"{count} calls to hang")

    def close(self) -> None:
        self.device.release()
        for client in self.clients:
            client.close()
        os.close(self.healthy)
        os.close(self.hanging)


class Bench(Devices):
    """A unit under systemd."""

    def __init__(self, library: Path, directory: Path, room: int = 64, hold: Hold | None = None) -> None:
        super().__init__(library, directory)
        self.unit = Unit(directory, self.device.env | (hold.env if hold else {}), room)
        self.path = self.unit.path

    def close(self) -> None:
        super().close()
        self.unit.close()


class Replaced(Devices):
    """A helper without systemd, of which each start takes the place of the one before."""

    def __init__(self, library: Path, directory: Path) -> None:
        super().__init__(library, directory)
        self.starts = Starts(directory, self.device.env)
        self.path = self.starts.path

    def pretend(self) -> socket.socket:
        """Ask to take the place of the helper; what it answers is left to be read."""
        asking = socket.socket(socket.AF_UNIX)
        asking.settimeout(20)
        asking.bind(f"\0prhelper-replace/{id(asking)}")
        asking.connect(str(self.path))
        return asking

    def close(self) -> None:
        super().close()
        self.starts.close()


@pytest.fixture
def bench(fake_device_library: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(fake_device_library, tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def replaced(fake_device_library: Path, tmp_path: Path) -> Iterator[Replaced]:
    replaced = Replaced(fake_device_library, tmp_path)
    yield replaced
    replaced.close()
