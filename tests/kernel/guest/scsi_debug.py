"""A disk by the kernel's scsi_debug driver, which knows no persistent reservations."""

from __future__ import annotations

from pathlib import Path

from .initiators import settle
from .modules import modprobe


def create() -> Path:
    """Load the driver, which brings one disk; return its device, with no unit attention left over."""
    modprobe("scsi_debug", options="dev_size_mb=8")
    (name,) = Path("/sys/bus/pseudo/drivers/scsi_debug").glob("adapter0/host*/target*/*/block/*")
    device = Path("/dev") / name.name
    settle([device])
    return device
