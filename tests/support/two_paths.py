"""A sysfs with one unit that is reached by two paths, by every node that it has, as the kernel shows it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from prhelper.device.identity import DeviceId

WWID = "36001405"
FIRST, SECOND = "2:0:0:0", "3:0:0:0"

SDA, SDA1, SDB, MAP, VOLUME = (
    DeviceId(stat.S_IFBLK, os.makedev(*number)) for number in ((8, 0), (8, 1), (8, 16), (253, 0), (253, 1))
)
SG0 = DeviceId(stat.S_IFCHR, os.makedev(21, 0))


def make(root: Path) -> Path:
    """Returns what is /sys/dev."""
    dev = root / "dev"
    for kind in ("block", "char"):
        (dev / kind).mkdir(parents=True)
    for name, address, number in (("sda", FIRST, "8:0"), ("sdb", SECOND, "8:16")):
        host = root / f"devices/host{address[0]}/{address}"
        (host / "block" / name).mkdir(parents=True)
        (host / "wwid").write_text("naa.6001405\n")
        (host / "block" / name / "device").symlink_to(f"../../../{address}")
        (host / "block" / name / "size").write_text("1000\n")
        (dev / "block" / number).symlink_to(host / "block" / name)
    host = root / f"devices/host2/{FIRST}"
    (host / "block/sda/sda1").mkdir()
    (host / "block/sda/sda1/partition").write_text("1\n")
    (dev / "block/8:1").symlink_to(host / "block/sda/sda1")
    (host / "scsi_generic/sg0").mkdir(parents=True)
    (host / "scsi_generic/sg0/device").symlink_to(f"../../../{FIRST}")
    (dev / "char/21:0").symlink_to(host / "scsi_generic/sg0")
    paths = [dev / "block/8:0", dev / "block/8:16"]
    multipath = _mapped(root, "dm-0", f"mpath-{WWID}", paths)
    (dev / "block/253:0").symlink_to(multipath)
    (dev / "block/253:1").symlink_to(_mapped(root, "dm-1", "LVM-x", [multipath]))
    return dev


def _mapped(root: Path, name: str, uuid: str, slaves: list[Path]) -> Path:
    folder = root / "devices/virtual" / name
    (folder / "slaves").mkdir(parents=True)
    (folder / "dm").mkdir()
    (folder / "dm/uuid").write_text(f"{uuid}\n")
    (folder / "dm/name").write_text(f"my-{name}\n")
    for slave in slaves:
        (folder / "slaves" / slave.resolve().name).symlink_to(slave.resolve())
    return folder
