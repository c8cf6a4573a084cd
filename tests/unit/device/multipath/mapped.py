"""A map whose paths lead to an emulated unit."""

from prhelper.device.execution import Result
from prhelper.device.multipath.map import Map, Means
from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.reservation import Command

from .host import DISKS, Host

UUID = "mpath-36001405"
NAMES = dict(zip((address for address, _ in DISKS.values()), "abc", strict=True))
"""The cluster's paths by the addresses of the host's disks."""


def carry_out(one: Map, host: Host, command: Command) -> Result:
    """A command of a guest."""
    return one.execute(command, host.map)


def entry_of(means: Means) -> Entry | None:
    """What the journal has of the map."""
    with means.journal.turn(UUID) as turn:
        return turn.entry
