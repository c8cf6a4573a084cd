"""The virtual machines that run on this host, as the command lines of their QEMUs have them.

What was plugged in while they ran is not there. A command line is a process's own memory: it may say anything, and
reading it may take for ever, so that each is read in a thread that may be left behind.
"""

import functools
import os
import stat
from pathlib import Path
from typing import NamedTuple

from ..device.identity import DeviceId
from ..host.cgroups import unit_of_process
from ..host.machine_name import claimed_name, name_of_unit
from .disks import Disk, described
from .patience import patiently
from .qemu import CommandLine, GuestDisk, is_qemu, parse
from .their_paths import reached

_PROC = Path("/proc")
_MAX_FILE = 1 << 20  # bytes


class Machine(NamedTuple):
    """A QEMU. name: of its virtual machine, if known."""

    pid: int
    uid: int
    name: str | None
    command_line: CommandLine

    def __str__(self) -> str:
        return f'machine "{self.name}" (pid {self.pid})' if self.name else f"the machine of pid {self.pid}"

    def reached(self, name: str) -> Path:
        """How this process reaches what the machine knows by a path."""
        return reached(self.pid, name)

    def disk_of(self, guest_disk: GuestDisk) -> Disk | None:
        """What a file on its command line is. None if that cannot be seen from here.

        The machine may have a /dev of its own, which only root and its user can look into.
        """
        path = str(self.reached(guest_disk.file))
        if (status := patiently(functools.partial(os.stat, path), path)) is None:
            return None
        return described(guest_disk.file, DeviceId(stat.S_IFMT(status.st_mode), status.st_rdev))

    def uses(self, disk: Disk) -> list[GuestDisk]:
        """Its disks that are this unit."""
        return [each for each in self.command_line.disks if is_on(disk, self.disk_of(each))]


def is_on(disk: Disk, other: Disk | None) -> bool:
    """Whether two devices are one unit."""
    if other is None or not other.device.is_device:
        return False
    return disk.is_same_unit(other.number, other.wwid, other.addresses)


def machines() -> list[Machine]:
    """All of them, by PID."""
    pids = sorted(int(each.name) for each in _PROC.iterdir() if each.name.isdecimal())
    return [found for pid in pids if (found := machine_of(pid)) is not None]


def machine_of(pid: int) -> Machine | None:
    """The machine of a process; None if it is no QEMU, or there is none."""
    content = patiently(lambda: (_PROC / str(pid) / "cmdline").read_bytes())
    arguments = (content or b"").decode(errors="surrogateescape").split("\0")[:-1]
    if not is_qemu(arguments):
        return None
    try:
        uid = (_PROC / str(pid)).stat().st_uid
    except OSError:
        return None
    name = name_of_unit(unit_of_process(pid) or "") or claimed_name(content or b"")
    command_line = parse(arguments, lambda file: _content(pid, file))
    return Machine(pid, uid, None if name is None else name.text, command_line)


def _content(pid: int, file: str) -> str:
    """A file that a process names, from its own point of view where that can be had."""
    path = str(reached(pid, file))
    content = patiently(functools.partial(_head_of, path), path)
    return (content or b"").decode(errors="surrogateescape")


def _head_of(path: str) -> bytes:
    """The beginning of a regular file. Nothing else is opened: with a device, that alone could do something.

    Nor is what has no size, as in /proc and in tracefs: reading may take away what another was to read.
    """
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            return b""
        with Path(f"/proc/self/fd/{handle}").open("rb") as file:
            return file.read(_MAX_FILE)
    finally:
        os.close(handle)
