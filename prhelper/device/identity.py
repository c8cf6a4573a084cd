"""What a descriptor leads to. The kernel is asked once per command."""

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import NamedTuple

from . import stack
from .unit import Unit, unit_of

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
    """Nothing says whether a block device is the device mapper's, or what that made it of."""


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
    def kind(self) -> str:
        """ "block", "char", or what it is instead of a device."""
        return _KINDS.get(self.file_type, "file of unknown type")

    @property
    def number(self) -> str:
        """major:minor in decimal, as sysfs has it."""
        return f"{os.major(self.rdev)}:{os.minor(self.rdev)}"

    def __str__(self) -> str:
        """Type and number: what can be said without asking the kernel again."""
        if not self.is_device:
            return f"no device but a {self.kind}"
        return f"device {self.number}"

    def in_words(self) -> str:
        """For people: number, name, and what it is only a part of. Reads sysfs."""
        if not self.is_device:
            return str(self)
        whole = self.whole()
        part = f", a part of {whole}" if whole else ""
        return f"{self} ({self.name() or _KINDS[self.file_type]}{part})"

    def name(self) -> str | None:
        """The device's name in sysfs, or the map's own name; None where sysfs does not show it."""
        folder = self.folder()
        return None if folder is None else stack.name_of(folder)

    def unit(self) -> Unit:
        """Which unit it leads to. Reads sysfs; where that does not show it, it is known by its number alone."""
        with contextlib.suppress(OSError):
            if (folder := self.folder()) is not None:
                return unit_of(folder)
        return Unit(None, frozenset({self.number}))

    def folder(self) -> Path | None:
        """Its own folder in sysfs, resolved; None where sysfs does not show it."""
        sysfs = self._sysfs()
        return sysfs.resolve() if sysfs.exists() else None

    def whole(self) -> str | None:
        """The disk or map that this is only a part of: its reservations are of the whole. None if there is none."""
        if self.file_type != stat.S_IFBLK:
            return None
        with contextlib.suppress(OSError):
            return stack.whole_of(self._sysfs().resolve())
        return None

    def stack_below(self) -> stack.Stack | None:
        """What the device mapper made this of; None if it did not make it. Raises CannotTellError if nothing tells.

        sysfs is read each time, since numbers are reused and tables reloaded; but a SCSI disk's number is never another
        driver's.
        """
        if self.file_type != stat.S_IFBLK or os.major(self.rdev) in _SCSI_DISK_MAJORS:
            return None
        try:
            sysfs = self._sysfs().resolve(strict=True)
            return stack.stack_of(sysfs) if stack.is_device_mapper(sysfs) else None
        except OSError as error:
            if self._is_device_mapper_in_procfs():
                raise CannotTellError from error
            return None

    def _is_device_mapper_in_procfs(self) -> bool:
        try:
            lines = _PROC_DEVICES.read_text().splitlines()
        except OSError as error:
            raise CannotTellError from error
        return f"{os.major(self.rdev)} device-mapper" in (line.strip() for line in lines)

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

    def is_path_only(self) -> bool:
        """Whether it was opened with O_PATH, for which no permission to read or write is needed."""
        return bool(fcntl.fcntl(self.fd, fcntl.F_GETFL) & os.O_PATH)
