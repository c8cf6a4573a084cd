"""libvirt's managed helper (managed.py), among variables of the environment that systemd set for virtqemud."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.fake_device import HANGING, HEALTHY, FakeDevice
from ..systemd.service import ServiceManager
from .managed import Machine


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    """systemd, as virtqemud's service manager."""
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()


@pytest.fixture
def machine(fake_device_library: Path, tmp_path: Path, manager: ServiceManager) -> Iterator[Machine]:
    virtqemud = str(os.getpid())
    env = {
        "INVOCATION_ID": "0123456789abcdef0123456789abcdef",
        "JOURNAL_STREAM": "8:12345",
        "LISTEN_FDNAMES": "virtqemud.socket:virtqemud-ro.socket",
        "LISTEN_FDS": "2",
        "LISTEN_PID": virtqemud,
        "NOTIFY_SOCKET": manager.address,
        "STATE_DIRECTORY": str(tmp_path / "virtqemud"),
        "SYSTEMD_EXEC_PID": virtqemud,
        "WATCHDOG_PID": virtqemud,
        "WATCHDOG_USEC": "400000",
    }
    machine = Machine(tmp_path, FakeDevice(fake_device_library, tmp_path), env)
    yield machine
    machine.close()


@pytest.fixture
def healthy() -> Iterator[int]:
    fd = os.open(HEALTHY, os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def hanging() -> Iterator[int]:
    fd = os.open(HANGING, os.O_RDWR)
    yield fd
    os.close(fd)
