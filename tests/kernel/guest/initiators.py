"""Ways to be an initiator of the unit: through the helper, or straight at the device; and to start afresh."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.support.client import Client
from tests.support.nexus import Nexus, Result, over
from tests.support.spc import GOOD, Out

from .sg_io import sg_io, test_unit_ready

CDB_SIZE = 10
"""What the standard has; the helper's protocol pads it to 16."""


def opened(device: Path, stack: ExitStack) -> int:
    fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    stack.callback(os.close, fd)
    return fd


def generic(device: Path) -> Path:
    """The sg node of a disk."""
    (node,) = Path(f"/sys/block/{device.name}/device/scsi_generic").iterdir()
    return Path("/dev") / node.name


def through_helper(device: Path, socket: Path, stack: ExitStack) -> Nexus:
    """An initiator with a connection of its own to the helper, until `stack` closes."""
    fd = opened(device, stack)
    return Nexus(over(stack.enter_context(Client(socket, timeout=60)), fd))


def straight(device: Path, stack: ExitStack) -> Nexus:
    """An initiator that does its own SG_IO."""
    fd = opened(device, stack)

    def execute(cdb: bytes, data: bytes, allocation: int) -> Result:
        return sg_io(fd, cdb[:CDB_SIZE], data, allocation)

    return Nexus(execute)


def forget_everything(devices: Iterable[Path]) -> None:
    """Remove every registration and reservation from the unit behind the devices, and all unit attentions."""
    first, *_ = devices = list(devices)
    with ExitStack() as stack:
        nexus = straight(first, stack)
        settle(devices)
        nexus.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=1)
        nexus.write(Out.CLEAR, key=1)
        settle(devices)
        assert nexus.keys() == []


def settle(devices: Iterable[Path]) -> None:
    """Collect the unit attentions that are pending."""
    for device in devices:
        while test_unit_ready(device).status != GOOD:
            pass
