"""Three paths of ours, one of which holds a reservation, and another host."""

from prhelper.scsi.reservation import ReservationType

from ...emulated.unit import TYPES, WA, WR
from .cluster import KO, OTHER, OURS, Cluster, K

SINGLE = [kind for kind in TYPES if kind < WA]
"""The types of which one nexus holds the reservation."""


def held(path: str, kind: ReservationType = WR, ports_known: bool = True) -> Cluster:
    """Our three paths are registered, one of them holds the reservation, and another host is registered, too."""
    keys = dict.fromkeys("abc", K)
    return Cluster(keys, OURS[path], kind, "abc", ports_known=ports_known, others={OTHER: KO})
