"""What the kernel and udev report about a file, a file system or a device, beyond the numbers that are reused.

No privileges are needed; each function returns None if nothing is reported.
"""

import contextlib
import fcntl
import os
import platform
import struct
import sys
from pathlib import Path

from ...host.libc import birth_time

_SYS_DEV = Path("/sys/dev")
_UDEV_DATA = Path("/run/udev/data")

# include/uapi/asm-generic/ioctl.h, and the older architectures that have three bits for the direction
_READ = 0x4000_0000 if platform.machine().startswith(("ppc", "mips", "sparc", "alpha")) else 0x8000_0000

_BLKGETDISKSEQ = _READ | 8 << 16 | 0x1280
_FS_IOC_GETVERSION = _READ | struct.calcsize("l") << 16 | 0x7601
_FS_IOC_GETFSUUID = _READ | 17 << 16 | 0x1500


def born(fd: int) -> str | None:
    """Birth time of a file, to the nanosecond, from its file system (statx)."""
    with contextlib.suppress(OSError):
        if (time := birth_time(fd)) is not None:
            return f"{time[0]}.{time[1]:09}"
    return None


def generation(fd: int) -> str | None:
    """The inode generation, which distinguishes files that had the same inode number."""
    return _ioctl(fd, _FS_IOC_GETVERSION, 4)


def file_system(fd: int, device: int) -> str | None:
    """The UUID of a file system on `device`, and its ID, which may also encode, say, a subvolume.

    The UUID comes from the kernel (since 6.9) or from udev. An ID that only repeats the device number is left out.
    """
    # Without a block device it may be FUSE, whose server answers the ioctl before Linux 6.9, with any UUID it likes.
    uuid = _ioctl(fd, _FS_IOC_GETFSUUID, 17) if os.major(device) else None
    uuid = uuid[2:] if uuid is not None else _uuid_by_udev(device)
    told = [uuid] if uuid is not None and uuid.strip("0") else []
    if (number := _file_system_id(fd)) not in (0, _encoded(device)):
        told.append(f"{number:016x}")
    return " ".join(told) or None


def disk_sequence(fd: int) -> str | None:
    """The sequence number of a disk and its medium, unique within a boot (since Linux 5.15)."""
    sequence = _ioctl(fd, _BLKGETDISKSEQ, 8)
    return None if sequence is None else str(int.from_bytes(bytes.fromhex(sequence), sys.byteorder))


def world_wide_name(kind: str, device: int, sequence: str | None) -> str | None:
    """The identifier that sysfs has for SCSI, NVMe and device-mapper disks; for a partition, that of its disk.

    kind: `block` or `char`. sequence: `disk_sequence`; if sysfs has another, the number belongs to a new disk now.
    """
    disk = _sysfs(kind, device)
    if (disk / "partition").exists():
        disk /= ".."
    if sequence is not None and _read(disk / "diskseq") != sequence:
        return None
    names = (_read(disk / place) for place in ("device/wwid", "wwid", "dm/uuid"))
    return next(filter(None, names), None)


def partition_start(device: int) -> str | None:
    """The first sector of a partition on its disk."""
    return _read(_sysfs("block", device) / "start")


def _ioctl(fd: int, request: int, size: int) -> str | None:
    answer = bytearray(max(size, 8))
    try:
        fcntl.ioctl(fd, request, answer)
    except OSError:
        return None
    return answer[:size].hex()


def _sysfs(kind: str, device: int) -> Path:
    return _SYS_DEV / kind / f"{os.major(device)}:{os.minor(device)}"


def _file_system_id(fd: int) -> int:
    try:
        return os.fstatvfs(fd).f_fsid & 2**64 - 1
    except OSError:
        return 0


def _uuid_by_udev(device: int) -> str | None:
    for line in (_read(_UDEV_DATA / f"b{os.major(device)}:{os.minor(device)}") or "").splitlines():
        key, _, value = line.partition("=")
        if key == "E:ID_FS_UUID":
            return value.replace("-", "").lower()
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _encoded(device: int) -> int:
    """The file system ID that the kernel derives from a device number (huge_encode_dev)."""
    major, minor = os.major(device), os.minor(device)
    return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12
