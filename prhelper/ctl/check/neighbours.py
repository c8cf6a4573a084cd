"""Two machines of this host on one disk: by one path they are one initiator to it, by two they end with one host."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..disks import Disk
from ..hosts_machines import Machine
from ..owners import registered_on
from ..qemu import PASSES_THROUGH
from .causes import ONE_HOST, ONE_NEXUS
from .finding import Finding


class _Neighbour(NamedTuple):
    """A machine that is on the disk. addresses: of the paths by which it is."""

    text: str
    addresses: frozenset[str]


def look(disk: Disk, machines: list[Machine], seen: list[dict[str, Any]]) -> Iterator[Finding]:
    """`machines`: all of this host. `seen`: the devices that the daemon has seen."""
    by_pid = _registered(disk, seen) | _having(disk, machines)
    everybody = list(by_pid.values())
    sharing = [each for each in everybody if any(_share(each, other) for other in everybody if other is not each)]
    if sharing:
        yield ONE_NEXUS.found(disk.path, _texts(sharing))
    if len(everybody) > max(1, len(sharing)):
        yield ONE_HOST.found(disk.path, _texts(everybody))


def _having(disk: Disk, machines: list[Machine]) -> dict[int, _Neighbour]:
    found = {}
    for machine in machines:
        disks = [machine.disk_of(used) for used in machine.uses(disk) if used.driver in PASSES_THROUGH]
        if addresses := frozenset().union(*(each.addresses for each in disks if each is not None)):
            found[machine.pid] = _Neighbour(f"{machine}, by {', '.join(sorted(addresses))}", addresses)
    return found


def _registered(disk: Disk, seen: list[dict[str, Any]]) -> dict[int, _Neighbour]:
    """An older daemon does not tell the paths."""
    return {
        each.pid: _Neighbour(f"{each} is registered", each.addresses or disk.addresses)
        for each in registered_on(disk, seen)
        if each.machine and each.connected
    }


def _share(one: _Neighbour, other: _Neighbour) -> bool:
    return not one.addresses.isdisjoint(other.addresses)


def _texts(neighbours: list[_Neighbour]) -> str:
    return "; ".join(sorted(each.text for each in neighbours))
