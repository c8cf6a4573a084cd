"""What lies below a block device, as sysfs shows it to any process.

The device mapper stacks devices: a multipath map on its paths, a logical volume or a partition on a disk or on a map.
`slaves/` names what lies directly below a device, so walking down ends at disks or at multipath maps. All folders here
are those of devices in sysfs, resolved.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = Path("/sys/block")

MULTIPATH = "mpath-"
"""How `dm/uuid` of a multipath map begins: multipathd gives it, and other tools have prefixes of their own."""


class Stack(NamedTuple):
    """What a device is made of.

    maps: multipath maps, the device itself among them.
    disks: disks that it reaches without a map between; itself, if it is one.
    """

    maps: frozenset[Path]
    disks: frozenset[Path]


def text_of(file: Path) -> str:
    """An attribute in sysfs. The device mapper takes any bytes for a name: what is no UTF-8 is read as `\\xff`.

    Raises OSError if the device is going away.
    """
    return file.read_text(encoding="utf-8", errors="backslashreplace").strip()


def is_device_mapper(folder: Path) -> bool:
    """Whether the device mapper made a device."""
    return (folder / "dm").exists()


def is_multipath(folder: Path) -> bool:
    """Whether a device is a multipath map. Raises OSError if it is going away."""
    return is_device_mapper(folder) and text_of(folder / "dm/uuid").startswith(MULTIPATH)


def multipath_maps() -> Iterator[Path]:
    """The multipath maps that there are now."""
    for folder in _BLOCK.glob("dm-*"):
        with contextlib.suppress(OSError):  # it is going away
            if is_multipath(folder):
                yield folder


def stack_of(folder: Path) -> Stack:
    """Walk down from a device. Raises OSError if something of it is going away."""
    if is_multipath(folder):
        return Stack(frozenset({folder}), frozenset())
    if slaves := slaves_of(folder):
        stacks = [stack_of(slave) for slave in slaves]
        return Stack(
            frozenset(path for stack in stacks for path in stack.maps),
            frozenset(path for stack in stacks for path in stack.disks),
        )
    # A device of the device mapper with nothing below it (error, zero) reaches no disk.
    return Stack(frozenset(), frozenset() if is_device_mapper(folder) else frozenset({whole_disk(folder)}))


def whole_of(folder: Path) -> str | None:
    """The name of the disk or map that a device is only a part of, as a partition or a logical volume is.

    None if it covers all of it, or reaches several, or none. Raises OSError if something of it is going away.
    """
    wholes = frozenset().union(*stack_of(folder))
    if len(wholes) != 1:
        return None
    (whole,) = wholes
    return None if _sectors(whole) == _sectors(folder) else name_of(whole)


def whole_disk(folder: Path) -> Path:
    """The disk of a partition; any other device itself."""
    return folder.parent if (folder / "partition").exists() else folder


def name_of(folder: Path) -> str:
    """A map's own name, any other device's name in the kernel."""
    try:
        return text_of(folder / "dm/name")
    except FileNotFoundError:
        return folder.name


def slaves_of(folder: Path) -> list[Path]:
    """What lies directly below a device; nothing below a disk."""
    slaves = folder / "slaves"
    return [slave.resolve() for slave in slaves.iterdir()] if slaves.exists() else []


def _sectors(folder: Path) -> int:
    return int((folder / "size").read_text())
