"""One LIO unit and the hosts that have it, one of them by a multipath map; another one looks on, and fences."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.spc import ALL_REGISTRANTS, GOOD, Out
from tests.support.virtual_machine.machine import Disk

from ..multipath.cluster import OTHER, Cluster, K


@dataclass(frozen=True)
class Host:
    """A host: its paths to the unit, and the disk that a guest has there."""

    paths: str
    disk: Disk

    def has(self, kind: int) -> str:
        """The unit's state when a guest here is registered, and holds a reservation of this type unless it is 0."""
        keys = " ".join(f"{letter}=K" for letter in self.paths)
        if not kind:
            return keys
        if kind in ALL_REGISTRANTS:
            return f"{keys}, all hold {kind}"
        return f"{keys}, {'we hold' if len(self.paths) > 1 else f'{self.paths} holds'} {kind}"


@dataclass(frozen=True)
class Site:
    """The unit and its hosts by name."""

    cluster: Cluster
    hosts: dict[str, Host]

    def is_as(self, expected: str) -> bool:
        return self.cluster.state().is_as(expected)

    def state(self) -> str:
        return str(self.cluster.state())

    def fence(self, kind: int) -> None:
        """Take the guest's registration away, and reserve for the other host, so that it writes no more."""
        other = self.cluster.other
        assert other.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=OTHER).status == GOOD
        assert other.preempt(OTHER, K, kind) == GOOD
        assert other.reserve(OTHER, kind) == GOOD
