"""Which machines of this host are registered on a unit, as far as their commands went through here.

By one path to a disk, all machines of a host are one initiator (one I_T nexus). So two of them cannot fence each other
there, and one's registration is the other's.
"""

from typing import NamedTuple

from ..host.machine_name import MachineName
from ..host.peer import Peer
from ..scsi.reservation import OutAction
from .ended import Ended

MAX = 64
"""Registrations remembered of one unit; the oldest is forgotten first."""

_REGISTERING = frozenset(map(int, (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)))

CHANGING = frozenset(map(int, (*_REGISTERING, OutAction.CLEAR, OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT)))
"""The service actions that change who is registered."""


class Registration(NamedTuple):
    """One machine's. at: when (`time.time`). client: the number of the connection.

    addresses: of the device that it was made by, see `device.unit.Unit`.
    """

    at: float
    client: int
    peer: Peer
    machine_name: MachineName | None
    key: int
    addresses: frozenset[str]

    def is_by(self, addresses: frozenset[str]) -> bool:
        """Whether it has a nexus in common with a device that is reached by these."""
        return not self.addresses.isdisjoint(addresses)

    def is_of(self, ended: Ended, addresses: frozenset[str]) -> bool:
        """Whether a command came from this machine, or the same one started anew, by a nexus that this one has."""
        peer = ended.peer
        same = self.peer is peer or is_same_machine(self.peer, self.machine_name, peer, ended.machine_name)
        return same and self.is_by(addresses)


def is_same_machine(peer: Peer, name: MachineName | None, other: Peer, other_name: MachineName | None) -> bool:
    """Whether two processes run one machine, as far as can be told: they are one, or have one name."""
    if name is not None and other_name is not None:
        return name.text == other_name.text
    return (peer.pid, peer.started, peer.account) == (other.pid, other.started, other.account)


class Registrations:
    """Those on one unit. Not for several threads at once."""

    __slots__ = ("_all", "warned")

    def __init__(self) -> None:
        self._all: list[Registration] = []
        self.warned = False
        """Whether it has been said that several are registered; false again once none is."""

    def by(self, addresses: frozenset[str]) -> list[Registration]:
        """Those that have a nexus in common with a device that is reached by these."""
        return [one for one in self._all if one.is_by(addresses)]

    def change(self, ended: Ended, addresses: frozenset[str]) -> list[Registration]:
        """Follow an OUT command, one of CHANGING, that ended well, by these nexuses.

        Returns the others that are registered by one of them, if it registered a machine.
        """
        command = ended.command
        if (keys := command.keys) is None:
            return []
        action, key = command.service_action, keys[1]
        alone = len(self._all) == 1 and self._all[0].is_of(ended, addresses)  # nearly always, and the faster way
        others = [] if alone else [one for one in self._all if not one.is_of(ended, addresses)]
        if action in _REGISTERING:
            if key:
                new = Registration(ended.at, ended.client, ended.peer, ended.machine_name, key, addresses)
                self._all = [*others[-(MAX - 1) :], new]
                return others and [one for one in others if one.is_by(addresses)]
            self._all = others
        elif action == OutAction.CLEAR:
            self._all = []
        else:  # PREEMPT, or PREEMPT AND ABORT
            self._all = [one for one in self._all if one.key != key or one.is_of(ended, addresses)]
        if not self._all:
            self.warned = False
        return []
