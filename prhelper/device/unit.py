"""Which logical unit a device is, and by which I_T nexuses of this host it is reached, as sysfs shows to any process.

One disk has several nodes, such as /dev/sda, /dev/sg0 and a partition, and a unit that is reached by several paths has
several disks. A SCSI address ("2:0:0:1": host, channel, target, LUN) stands for one nexus: nodes with an address in
common share it. All folders here are those of devices in sysfs, resolved.
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

from .stack import MULTIPATH, is_multipath, slaves_of, text_of, whole_disk

_WWID_PREFIXES = {"naa.": "3", "eui.": "2"}
"""Of the kernel's identifiers, and what multipath and udev write instead."""

_COLONS = 3


class Unit(NamedTuple):
    """What a device leads to.

    wwid: of the unit, as multipath writes it, so that a disk and a map of it are known to be one; None if nothing says
        it, or if the device lies on several.
    addresses: of the nexuses by which it is reached: SCSI addresses, or names of disks that have none.
    """

    wwid: str | None
    addresses: frozenset[str]

    @property
    def key(self) -> str:
        """What tells it from other units."""
        return self.wwid or " ".join(sorted(self.addresses))


def unit_of(folder: Path) -> Unit:
    """What a device leads to. Raises OSError if something of it is going away."""
    if slaves := slaves_of(folder):
        below = [unit_of(slave) for slave in slaves]
        wwid = _wwid_of_map(folder) if is_multipath(folder) else below[0].wwid if len(below) == 1 else None
        return Unit(wwid, frozenset().union(*(each.addresses for each in below)))
    return Unit(_wwid_of_map(folder) if is_multipath(folder) else _wwid_of_disk(folder), frozenset({disk_of(folder)}))


def disk_of(folder: Path) -> str:
    """The SCSI address of a disk, by any of its nodes; its name if it has none."""
    disk = whole_disk(folder)
    return address_of(disk) or disk.name


def address_of(folder: Path) -> str:
    """The SCSI address of a whole disk or a generic device; empty if it has none."""
    with contextlib.suppress(OSError):
        address = (folder / "device").readlink().name
        return address if address.count(":") == _COLONS else ""
    return ""


def _wwid_of_map(folder: Path) -> str:
    return text_of(folder / "dm/uuid").removeprefix(MULTIPATH)


def _wwid_of_disk(folder: Path) -> str | None:
    with contextlib.suppress(OSError):
        wwid = (whole_disk(folder) / "device/wwid").read_text(errors="replace")
        return _as_multipath_writes(wwid.strip()) or None
    return None


def _as_multipath_writes(wwid: str) -> str:
    """What sysfs calls naa.6001405... with a digit for the kind of name in place of a word."""
    prefix = _WWID_PREFIXES.get(wwid[:4])
    return f"{prefix}{wwid[4:]}" if prefix else wwid
