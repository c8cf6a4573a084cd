"""What a descriptor leads to. The kernel is asked once per command."""

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import NamedTuple

_SYS_DEV = Path("/sys/dev")
_PROC_DEVICES = Path("/proc/devices")

# The kernel's include/uapi/linux/major.h. These numbers are assigned statically: no other driver ever gets one.
_LOOP_MAJOR = 7
_SCSI_DISK_MAJORS = frozenset({8, *range(65, 72), *range(128, 136)})

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
        """Type and number: what can be said without asking the kernel again."""
        if not self.is_device:
            return f"no device but a {_KINDS.get(self.file_type, 'file of unknown type')}"
        return f"device {self.number}"

    def in_words(self) -> str:
        """For people: number and name. Reads sysfs."""
        return f"{self} ({self.name() or _KINDS[self.file_type]})" if self.is_device else str(self)

    def name(self) -> str | None:
        """The device's name in sysfs, or the map's own name; None where sysfs does not show it."""
        sysfs = self._sysfs()
        with contextlib.suppress(OSError):
            return (sysfs / "dm/name").read_text().strip()
        with contextlib.suppress(OSError):
            return sysfs.readlink().name
        return None

    def is_device_mapper(self) -> bool:
        """Whether the device mapper made this device. Raises CannotTellError where nothing tells.

        sysfs is read each time, since numbers are reused; but a SCSI disk's number is never another driver's.
        """
        major = os.major(self.rdev)
        if self.file_type != stat.S_IFBLK or major in _SCSI_DISK_MAJORS:
            return False
        if self._sysfs().exists():
            return (self._sysfs() / "dm").exists()
        try:
            lines = _PROC_DEVICES.read_text().splitlines()
        except OSError as error:
            raise CannotTellError from error
        return f"{major} device-mapper" in (line.strip() for line in lines)

    def _sysfs(self) -> Path:
        return _SYS_DEV / _KINDS[self.file_type] / self.number


class Target(NamedTuple):
    """The descriptor that came with a command, and what it leads to.

    fd: borrowed; open until the command ends.
    device: None if fstat failed; `error` says why.
    """

    fd: int
    device: DeviceId | None
    error: OSError | None = None

    @classmethod
    def of(cls, fd: int) -> "Target":
        """Ask the kernel (fstat, which can block on a file system in trouble)."""
        try:
            status = os.fstat(fd)
        except OSError as error:
            return cls(fd, None, error)
        return cls(fd, DeviceId(stat.S_IFMT(status.st_mode), status.st_rdev))

    def is_writable(self) -> bool:
        """Whether it is open for writing."""
        return fcntl.fcntl(self.fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY

    def is_device_mapper(self) -> bool:
        """See `DeviceId.is_device_mapper`."""
        return self.device is not None and self.device.is_device_mapper()
