"""A unit that is restarted, with fake devices under it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, PATTERN, FakeDevice
from ...support.helper import wait_until
from ...support.hold import Hold
from ...support.spc import GOOD, reserve_in
from .unit import Unit


class Bench:
    """The unit, its devices, and clients."""

    def __init__(self, library: Path, directory: Path, room: int = 64, hold: Hold | None = None) -> None:
        self.device = FakeDevice(library, directory)
        self.unit = Unit(directory, self.device.env | (hold.env if hold else {}), room)
        self.healthy = os.open(HEALTHY, os.O_RDWR)
        self.hanging = os.open(HANGING, os.O_RDWR)
        self.clients: list[Client] = []

    def connect(self, *, negotiate: bool = True) -> Client:
        self.clients.append(Client(self.unit.path, negotiate=negotiate))
        return self.clients[-1]

    def check_served(self, client: Client) -> None:
        """A client's command is carried out and answered."""
        reply = client.command(self.healthy, reserve_in(0, 64))
        assert (reply.status, reply.payload) == (GOOD, PATTERN[:64])

    def wait_for_hanging(self, count: int) -> None:
        wait_until(lambda: self.device.hanging == count, what=f"{count} calls to hang")

    def close(self) -> None:
        self.device.release()
        for client in self.clients:
            client.close()
        self.unit.close()
        os.close(self.healthy)
        os.close(self.hanging)


@pytest.fixture
def bench(fake_device_library: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(fake_device_library, tmp_path)
    yield bench
    bench.close()
