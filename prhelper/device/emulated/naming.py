"""The name of an emulated unit: the same for the same disk or file, and another for whatever comes in its place.

A number alone is given out again: that of an inode, of a device, of a file system. So a file is known by its file
system's UUID, its inode, when it was made, and the inode's generation. A disk is known by its WWID; without one, by its
sequence number, which no other disk of this boot has, nor the next file on the same loop device. A partition is known
by its disk, and where it begins.

A name that does not last is marked as one of this boot, and is not kept across the next. That is so of disks without a
WWID, and so of loop devices; of files on a file system without a UUID, or with neither birth time nor generation.

What cannot be told: two disks that give one WWID; a file system copied bit for bit and mounted beside the original;
and, within a boot, what has an old number anew: a file, where the file system tells neither birth time nor generation;
a disk, before Linux 5.15; a character device without a WWID.
"""

import os
import stat

from . import asking
from .boot import of_this_boot


def unit_behind(fd: int) -> str:
    """The name of the unit that a descriptor leads to: of the file behind it, however it was opened. Raises OSError."""
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
    return of_this_boot(f"char {_number(device)}") if wwid is None else f"char {wwid}"


def _file(fd: int, status: os.stat_result) -> str:
    born, generation = asking.born(fd), asking.generation(fd)
    file_system = asking.file_system(fd, status.st_dev)
    where = file_system or _number(status.st_dev)
    name = f"file {where} inode {status.st_ino} born {born} generation {generation}"
    lasts = file_system is not None and (born is not None or generation is not None)
    return name if lasts else of_this_boot(name)


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"
