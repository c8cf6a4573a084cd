"""The virtual machine that the tests of this suite share, its disks, and the helpers behind them.

Its disks: the unit by LIO, through the helper as it is; and twice the same disk by scsi_debug, which has no
reservations, through a helper that emulates them and takes each connection for an initiator of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.kernel import Kernel

from .. import helper, lio, scsi_debug
from ..service import Service
from .machine import Disk, Machine, accelerators


@pytest.fixture(scope="session")
def lio_devices() -> list[Path]:
    return lio.create()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("helper") / "socket")
    service.start()
    yield service
    service.kill()


@pytest.fixture(scope="session")
def emulating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a helper that emulates."""
    folder = tmp_path_factory.mktemp("emulating")
    options = ["--emulate", "--emulate-nexus=connection", f"--state-directory={folder}/state"]
    if "qemu" in helper.COMMAND[0]:
        options.clear()
    with helper.running(folder / "socket", *options):
        yield folder / "socket"


@pytest.fixture(scope="session")
def booted(
    lio_devices: list[Path], service: Service, emulating: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    kernel = Kernel(Path(os.environ["GUEST_KERNEL"]))
    debug = scsi_debug.create()
    disks = [Disk(lio_devices[0], service.path), Disk(debug, emulating), Disk(debug, emulating)]
    for accelerator, seconds in accelerators():
        with Machine(kernel, disks, tmp_path_factory.mktemp("machine"), accelerator) as machine:
            if machine.boots_within(seconds):
                yield machine
                return
    pytest.fail("the machine does not boot")
