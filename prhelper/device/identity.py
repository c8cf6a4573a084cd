"""Which device a descriptor is of: its number, its kind, and, for people, its name."""

import contextlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

_SYS_DEV = Path("/sys/dev")
_PROC_DEVICES = Path("/proc/devices")

_LOOP_MAJOR = 7  # the kernel's include/uapi/linux/major.h

_KINDS = {
    stat.S_IFBLK: "block",
    stat.S_IFCHR: "char",
    stat.S_IFREG: "regular file",
    stat.S_IFDIR: "directory",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
}


class CannotTellError(Exception):
    """Neither sysfs nor procfs says which driver a block device belongs to."""


class DeviceId(NamedTuple):
    """The file behind a descriptor, by its file type and device number; device number 0 where it is no device."""

    file_type: int
    rdev: int

    @classmethod
    def of(cls, fd: int) -> "DeviceId":
        """Ask the kernel (fstat, which may block on a file system that is in trouble). Raises OSError."""
        status = os.fstat(fd)
        return cls(stat.S_IFMT(status.st_mode), status.st_rdev)

    @property
    def is_device(self) -> bool:
        """Whether this is a block or character device."""
        return self.file_type in (stat.S_IFBLK, stat.S_IFCHR)

    @property
    def is_loop(self) -> bool:
        """Whether this is a loop device."""
        return self.file_type == stat.S_IFBLK and os.major(self.rdev) == _LOOP_MAJOR

    @property
    def number(self) -> str:
        """major:minor in decimal, as sysfs has it."""
        return f"{os.major(self.rdev)}:{os.minor(self.rdev)}"

    def __str__(self) -> str:
        """For people: number and name, as far as this process can see them."""
        if not self.is_device:
            return f"no device but a {_KINDS.get(self.file_type, 'file of unknown type')}"
        return f"device {self.number} ({self._sysfs_name() or _KINDS[self.file_type]})"

    def is_device_mapper(self) -> bool:
        """Whether the device mapper made this device. Raises CannotTellError where nothing tells."""
        if self.file_type != stat.S_IFBLK:
            return False
        if self._sysfs().exists():
            return (self._sysfs() / "dm").exists()
        try:
            lines = _PROC_DEVICES.read_text().splitlines()
        except OSError as error:
            raise CannotTellError from error
        return f"{os.major(self.rdev)} device-mapper" in (line.strip() for line in lines)

    def _sysfs(self) -> Path:
        return _SYS_DEV / _KINDS[self.file_type] / self.number

    def _sysfs_name(self) -> str | None:
        sysfs = self._sysfs()
        with contextlib.suppress(OSError):
            return (sysfs / "dm/name").read_text().strip()
        with contextlib.suppress(OSError):
            return sysfs.readlink().name
        return None
