"""The name of an emulated unit: stable for one disk or file, different for its replacement.

Inode, device and file system numbers are reused. So a file is identified by its file system's UUID, its inode number,
birth time and inode generation; a disk by its WWID or, without one, by its sequence number, which no other disk of this
boot has, nor the next file on the same loop device; a partition by its disk and its first sector.

A name that means nothing after a reboot is marked as one of this boot and dropped after it: that of a disk without a
WWID, such as a loop device, and that of a file on a file system without a UUID or with neither birth time nor
generation.

What cannot be distinguished: two disks that report one WWID; a file system copied bit for bit and mounted beside the
original; and, within a boot, the next owner of a reused number: a file, if the file system has neither birth time nor
generation; a disk, before Linux 5.15; a character device without a WWID.
"""

import os
import stat

from . import asking
from .boot import of_this_boot


def unit_behind(fd: int) -> str:
    """The name of the unit behind a descriptor, however it was opened. Raises OSError."""
    status = os.fstat(fd)
    match stat.S_IFMT(status.st_mode):
        case stat.S_IFBLK:
            return _disk(fd, status.st_rdev)
        case stat.S_IFCHR:
            return _character_device(status.st_rdev)
        case stat.S_IFREG | stat.S_IFDIR:
            return _file(fd, status)
    return of_this_boot(f"file {_number(status.st_dev)} inode {status.st_ino}")


def _disk(fd: int, device: int) -> str:
    sequence, start = asking.disk_sequence(fd), asking.partition_start(device)
    part = "" if start is None else f" from {start}"
    if (wwid := asking.world_wide_name("block", device, sequence)) is not None:
        return f"block {wwid}{part}"
    return of_this_boot(f"block {_number(device)} sequence {sequence}{part}")


def _character_device(device: int) -> str:
    wwid = asking.world_wide_name("char", device, None)
    # As its block device has it: /dev/sg0 and /dev/sda are one disk, with one reservation.
    return of_this_boot(f"char {_number(device)}") if wwid is None else f"block {wwid}"


def _file(fd: int, status: os.stat_result) -> str:
    born, generation = asking.born(fd), asking.generation(fd)
    file_system = asking.file_system(fd, status.st_dev)
    where = file_system or _number(status.st_dev)
    name = f"file {where} inode {status.st_ino} born {born} generation {generation}"
    lasts = file_system is not None and (born is not None or generation is not None)
    return name if lasts else of_this_boot(name)


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"
