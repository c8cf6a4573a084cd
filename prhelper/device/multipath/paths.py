"""The paths of a map as it is now: which there are, which can be used, and an open descriptor of each of those.

A path is named by its SCSI address, "2:0:0:1" (host, channel, target, LUN), as `multipath -ll` shows it: a disk's
letters go to another path after a rescan, the address stands for the same I_T nexus. Should a disk be taken away and
another appear at its address, the kernel's sequence number of disks tells.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path as File
from types import TracebackType
from typing import NamedTuple

from ...channel import OwnedFd
from ..stack import MULTIPATH, name_of, text_of
from ..unit import address_of
from .ports import initiator_ports
from .rules.steps import Path, Paths
from .sysfs import SHORTAGES, attribute

_DEV = File("/dev")
_USABLE = "running"
_HIDDEN = (errno.ENOENT, errno.EACCES, errno.EPERM)


class Seen(NamedTuple):
    """A path as sysfs shows it.

    address: see above; the disk's name where it is no SCSI disk.
    disk: the disk's name in the kernel.
    sequence: tells this disk from another that had the same name before.
    usable: whether the kernel sends commands to it.
    """

    address: Path
    disk: str
    sequence: str
    usable: bool

    @property
    def host(self) -> str:
        """The SCSI host, "host2"."""
        return f"host{self.address.partition(':')[0]}"


def uuid_of(folder: File) -> str:
    """What tells a map from all others, and outlives a restart of the machine. Raises OSError if it is going away."""
    return text_of(folder / "dm/uuid")


def uuid_if_there(folder: File) -> str:
    """The same; empty if the map is going away. Raises OSError if descriptors or memory are short."""
    return attribute(folder / "dm/uuid")


def wwid_of(uuid: str) -> str:
    """The identifier of the unit that a map leads to."""
    return uuid.removeprefix(MULTIPATH)


def paths_of(folder: File) -> list[Seen]:
    """The paths of the map with this folder in sysfs, by address. Cheap: it is asked often.

    Raises OSError if descriptors or memory are short: a path of which nothing is known would be taken to be away.
    """
    try:
        return sorted(map(_seen, (folder / "slaves").iterdir()), key=_by_address)
    except FileNotFoundError:
        return []


def _by_address(path: Seen) -> list[int]:
    return [int(part) if part.isdecimal() else -1 for part in path.address.split(":")]


def _seen(disk: File) -> Seen:
    usable = attribute(disk / "device/state") == _USABLE
    return Seen(address_of(disk) or disk.name, disk.name, attribute(disk / "diskseq"), usable)


class OpenMap:
    """A map for the time of a sequence; a context manager, which owns the descriptors of the paths.

    name, disk: its own name, and the kernel's ("dm-7").
    remarks: what keeps paths from being used that the kernel could use, with the remedy.
    """

    def __init__(self, folder: File) -> None:
        self.name, self.disk = name_of(folder), folder.name
        self._folder = folder
        self.seen: list[Seen] = []
        self.remarks: list[str] = []
        self._open: dict[Path, OwnedFd] = {}
        self._failed: set[Path] = set()  # while the kernel took them for usable
        try:
            self.paths = self._look()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> "OpenMap":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def look_again(self) -> Paths:
        """The paths as they are now, none if that cannot be told. Those that are open stay open, as they were."""
        try:
            return self._look()
        except OSError:
            return self.paths._replace(usable=())

    def _close(self) -> None:
        for descriptor in self._open.values():
            descriptor.close()

    def _look(self) -> Paths:
        self.remarks.clear()
        known = {path.address: path for path in self.seen if path.address in self._open}
        now = paths_of(self._folder)
        for path in now:
            if path.usable and path.address not in self._open:
                self._try_to_open(path)
        self.seen = [known.get(path.address, path) for path in now]
        usable = {path.address for path in now if path.usable}
        self._failed &= usable
        ports = initiator_ports(frozenset(path.host for path in self.seen))
        return Paths(tuple(path for path in self._open if path in usable - self._failed), ports)

    def has_failed(self, path: Path) -> None:
        """A command on this path has failed. Unless the kernel knows that it is away, take it for usable no more."""
        with contextlib.suppress(OSError):
            if not any(each.address == path and each.usable for each in paths_of(self._folder)):
                return
        self._failed.add(path)

    def fileno(self, path: Path) -> int:
        """The descriptor of a path that can be used."""
        return self._open[path].fileno()

    @property
    def unusable(self) -> tuple[Path, ...]:
        """The paths that cannot be used."""
        return tuple(path.address for path in self.seen if path.address not in self._open)

    def _try_to_open(self, path: Seen) -> None:
        node, number = _DEV / path.disk, attribute(self._folder / "slaves" / path.disk / "dev")
        try:
            descriptor = OwnedFd(os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            if error.errno in SHORTAGES:
                raise
            if error.errno in _HIDDEN:
                self.remarks.append(f"path {path.address} cannot be used: {node}: {error.strerror}; {_REMEDY}")
            return
        status = os.fstat(descriptor.fileno())
        if stat.S_ISBLK(status.st_mode) and number == f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}":
            self._open[path.address] = descriptor
        else:
            descriptor.close()
            self.remarks.append(f"path {path.address} cannot be used: {node} is another device; {_REMEDY}")


_REMEDY = (
    "prhelper must see the /dev of the host (a helper that libvirt starts sees the paths "
    "that there were when the virtual machine started: restart the machine, or let prhelper run as a service)"
)
