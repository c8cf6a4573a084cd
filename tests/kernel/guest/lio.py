"""A logical unit by LIO, the kernel's own SCSI target, which implements persistent reservations in full.

One file-backed unit with three loopback ports: /dev/sda, sdb and sdc are three initiators (I_T nexuses) on it, as three
hosts of a cluster would be. So conflicts, preemption and unit attentions happen for real.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .modules import modprobe

CONFIGFS = Path("/sys/kernel/config")
NEXUSES = 3

NETLINK_KOBJECT_UEVENT = 15
FROM_THE_KERNEL = 1


def initiator(nexus: int) -> str:
    """The SAS address of the initiator behind a nexus, in hexadecimal."""
    return f"600140500000001{nexus + 1}"


def create(size: int = 16 << 20, nexuses: int = NEXUSES) -> list[Path]:
    """Build the unit and return its devices, in the order of the nexuses."""
    modprobe("sg", "sd_mod", "target_core_mod", "target_core_file", "tcm_loop")
    if not CONFIGFS.is_mount():
        subprocess.run(["mount", "-t", "configfs", "configfs", str(CONFIGFS)], check=True)
    # Without the folder for its metadata, LIO fails a REGISTER with APTPL although it takes effect.
    Path("/var/target/pr").mkdir(parents=True, exist_ok=True)

    backing = Path("/run/lio.img")
    with backing.open("wb") as file:
        file.truncate(size)
    unit = CONFIGFS / "target/core/fileio_0/unit"
    unit.mkdir(parents=True)
    (unit / "control").write_text(f"fd_dev_name={backing},fd_dev_size={size}")
    (unit / "enable").write_text("1")
    (unit / "wwn/vpd_unit_serial").write_text("11111111-2222-3333-4444-555555555555")
    return [attach(unit, nexus) for nexus in range(nexuses)]


def attach(unit: Path, nexus: int) -> Path:
    """Export the unit over one more loopback port; return the /dev/sdX that appears, which it does in its own time."""
    port = port_of(nexus)
    lun = port / "lun/lun_0"
    lun.mkdir(parents=True)
    (port / "nexus").write_text(f"naa.{initiator(nexus)}")
    if (port / "rtpi").exists():  # newer kernels leave a loopback port without its relative target port identifier
        (port / "rtpi").write_text(str(nexus + 1))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as events:
        events.bind((0, FROM_THE_KERNEL))
        (lun / "unit").symlink_to(unit)
        while True:
            fields = dict(field.split("=", 1) for field in events.recv(8192).decode().split("\0") if "=" in field)
            if (fields["ACTION"], fields.get("DEVTYPE")) == ("add", "disk"):
                return Path("/dev") / fields["DEVNAME"]


@contextmanager
def offline(nexus: int) -> Iterator[None]:
    """Take a nexus's transport down, as if somebody had pulled the cable."""
    status = port_of(nexus) / "transport_status"
    status.write_text("offline")
    try:
        yield
    finally:
        status.write_text("online")


def port_of(nexus: int) -> Path:
    return CONFIGFS / f"target/loopback/naa.600140500000000{nexus + 1}/tpgt_1"
