"""A partition made by the kernel's own ioctl: util-linux's addpart is not on every distribution."""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# include/uapi/linux/blkpg.h
BLKPG = 0x1269
BLKPG_ADD_PARTITION = 1
BLKPG_DEL_PARTITION = 2

SECTOR = 512


class BlkpgPartition(ctypes.Structure):
    _fields_ = (
        ("start", ctypes.c_longlong),
        ("length", ctypes.c_longlong),
        ("pno", ctypes.c_int),
        ("devname", ctypes.c_char * 64),
        ("volname", ctypes.c_char * 64),
    )


class BlkpgIoctlArg(ctypes.Structure):
    _fields_ = (("op", ctypes.c_int), ("flags", ctypes.c_int), ("datalen", ctypes.c_int), ("data", ctypes.c_void_p))


@contextmanager
def partition_of(disk: Path, first_sector: int, sectors: int) -> Iterator[Path]:
    """The first partition of a disk that has none, while this lasts."""
    partition = BlkpgPartition(first_sector * SECTOR, sectors * SECTOR, 1)
    blkpg(disk, BLKPG_ADD_PARTITION, partition)
    try:
        yield Path(f"{disk}1")
    finally:
        blkpg(disk, BLKPG_DEL_PARTITION, partition)


def blkpg(disk: Path, operation: int, partition: BlkpgPartition) -> None:
    argument = BlkpgIoctlArg(operation, 0, ctypes.sizeof(partition), ctypes.addressof(partition))
    fd = os.open(disk, os.O_RDWR)
    try:
        fcntl.ioctl(fd, BLKPG, argument)
    finally:
        os.close(fd)
