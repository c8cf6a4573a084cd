"""The unit with its three nexuses, a disk without reservations, and a running helper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.nexus import Nexus

from .. import helper, lio
from .. import scsi_debug as scsi_debug_disk
from ..initiators import forget_everything, straight, through_helper


@pytest.fixture(scope="session")
def lio_devices() -> list[Path]:
    return lio.create()


@pytest.fixture
def devices(lio_devices: list[Path]) -> list[Path]:
    """The devices of the unit, with nobody registered and no unit attention left over."""
    forget_everything(lio_devices)
    return lio_devices


@pytest.fixture(scope="session")
def scsi_debug(lio_devices: list[Path]) -> Path:
    device = scsi_debug_disk.create()
    assert device not in lio_devices
    return device


@pytest.fixture(scope="session")
def helper_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("helper") / "socket"
    with helper.running(path):
        yield path


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def nexuses(devices: list[Path], helper_socket: Path, stack: ExitStack) -> list[Nexus]:
    """Three initiators that send their commands through the helper, each over a connection of its own."""
    return [through_helper(device, helper_socket, stack) for device in devices]


@pytest.fixture
def direct(devices: list[Path], stack: ExitStack) -> list[Nexus]:
    """The same initiators without the helper."""
    return [straight(device, stack) for device in devices]
