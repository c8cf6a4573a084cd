"""A disk that was named on the command line, as this host sees it: opened, and what sysfs tells of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..channel import OwnedFd
from ..device.identity import DeviceId, Target
from ..device.stack import name_of
from .exits import Exit, ToolError


class Disk(NamedTuple):
    """What a path leads to.

    folder: its own in sysfs; None if it has none there.
    wwid, addresses: see `device.unit.Unit`.
    """

    path: str
    device: DeviceId
    folder: Path | None
    wwid: str | None
    addresses: frozenset[str]

    @property
    def number(self) -> str | None:
        """major:minor; None if it is no device."""
        return self.device.number if self.device.is_device else None

    @property
    def name(self) -> str | None:
        """The kernel's name, or the map's own."""
        return None if self.folder is None else name_of(self.folder)

    def is_same_unit(self, number: str | None, wwid: str | None, addresses: frozenset[str] = frozenset()) -> bool:
        """Whether something else that has this number, this WWID and these addresses is the same logical unit."""
        if self.wwid is not None and wwid is not None:
            return self.wwid == wwid
        return (number is not None and number == self.number) or not self.addresses.isdisjoint(addresses)

    def as_json(self) -> dict[str, object]:
        """The type Disk of docs/prhelperctl.md."""
        return {"path": self.path, "number": self.number, "name": self.name, "wwid": self.wwid}

    def __str__(self) -> str:
        known = [text for text in (self.number, self.name, self.wwid and f"wwid {self.wwid}") if text]
        return f"{self.path} ({', '.join(known)})" if known else self.path


@contextmanager
def opened(path: str, to_write: bool) -> Iterator[tuple[int, Disk]]:
    """A descriptor for a helper, and what it leads to. Raises ToolError."""
    flags = (os.O_RDWR if to_write else os.O_RDONLY) | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = OwnedFd(os.open(path, flags))
    except OSError as error:
        how = "for writing, as a change needs" if to_write else "for reading"
        raise ToolError(Exit.NO_DISK, f"{path} cannot be opened {how}: {error.strerror}") from error
    with descriptor:
        yield descriptor.fileno(), of_descriptor(path, descriptor.fileno())


def of_descriptor(path: str, fd: int) -> Disk:
    """What an open descriptor leads to."""
    target = Target.of(fd)
    if target.device is None:
        raise ToolError(Exit.NO_DISK, f"{path}: {target.error}")
    return described(path, target.device)


def described(path: str, device: DeviceId) -> Disk:
    """What sysfs tells of a device."""
    if not device.is_device:
        return Disk(path, device, None, None, frozenset())
    return Disk(path, device, device.folder(), *device.unit())
