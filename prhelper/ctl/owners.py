"""Whose a registration is, as far as this host knows.

By the initiator port in READ FULL STATUS it is this host's or another's; by the daemon's memory it is a machine's. To a
disk all machines of a host are one initiator.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..client import TransportID
from ..device.multipath.ports import Ports, initiator_ports
from ..device.stack import slaves_of
from .disks import Disk
from .output import key_text

_HOST = "host"


class Registered(NamedTuple):
    """A process of this host that registered through the daemon: the type Registration of io.prhelper.Control.

    addresses: of the paths by which it did, as far as the daemon tells.
    """

    key: str
    pid: int
    comm: str
    machine: str | None
    connected: bool
    addresses: frozenset[str] = frozenset()

    def __str__(self) -> str:
        what = f'machine "{self.machine}"' if self.machine else f'"{self.comm}"'
        return f"{what} (pid {self.pid}{'' if self.connected else ', gone'})"


class Owner(NamedTuple):
    """whose: "ours", "other" or "unknown". by: the machines of this host that may have made it."""

    whose: str
    by: list[str]


def registered_on(disk: Disk, seen: Iterable[dict[str, Any]]) -> list[Registered]:
    """Who registered on a unit, of all that the daemon has seen."""
    found: dict[Registered, None] = {}
    for each in seen:
        nodes = each.get("nodes") or [each["device"]]
        if any(disk.is_same_unit(node.get("number"), node.get("wwid")) for node in nodes):
            found |= dict.fromkeys(map(_registered, each["registrations"]))
    return list(found)


def _registered(registration: dict[str, Any]) -> Registered:
    process = registration["process"]
    return Registered(
        registration["key"],
        process["pid"],
        process["comm"],
        process.get("machine_name"),
        bool(registration["connected"]),
        frozenset(registration.get("addresses", ())),
    )


def ports_of(disk: Disk) -> Ports:
    """This host's initiator ports; empty where one through which it has the disk is not known."""
    return initiator_ports(frozenset(filter(None, map(_host_of, _ends(disk.folder)))))


def _ends(folder: Path | None) -> list[Path]:
    """The SCSI disks that a device lies on."""
    if folder is None:
        return []
    slaves = slaves_of(folder)
    return [end for slave in slaves for end in _ends(slave)] if slaves else [folder]


def _host_of(folder: Path) -> str:
    """The SCSI host through which a disk is reached: "host2"."""
    parts = (folder / "device").resolve().parts
    return next((part for part in parts if part.startswith(_HOST) and part.removeprefix(_HOST).isdecimal()), "")


def who(key: int, port: TransportID | bytes | None, ports: Ports, registered: list[Registered]) -> Owner:
    """Whose a registration is. `port`: None if it is not told."""
    ours = [str(each) for each in registered if each.key == key_text(key)]
    if ports and port is not None:
        return Owner("ours", ours) if port in ports else Owner("other", [])
    return Owner("ours", ours) if ours else Owner("unknown", [])
