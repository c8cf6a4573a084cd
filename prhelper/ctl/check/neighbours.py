"""Two machines of this host on one disk: to the disk they are one initiator."""

from collections.abc import Iterator
from typing import Any

from ..disks import Disk
from ..hosts_machines import Machine
from ..owners import registered_on
from ..qemu import PASSES_THROUGH
from .causes import ONE_NEXUS, Finding


def look(disk: Disk, machines: list[Machine], seen: list[dict[str, Any]]) -> Iterator[Finding]:
    """`machines`: all of this host. `seen`: the devices that the daemon has seen."""
    having = {
        machine.pid: str(machine)
        for machine in machines
        if any(guest_disk.driver in PASSES_THROUGH for guest_disk in machine.uses(disk))
    }
    registered = {
        each.pid: f"{each} is registered" for each in registered_on(disk, seen) if each.machine and each.connected
    }
    sharing = registered | having
    if len(sharing) > 1:
        yield ONE_NEXUS.found(disk.path, ", ".join(sorted(sharing.values())))
