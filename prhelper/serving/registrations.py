"""Which machines of this host are registered on a unit, as far as their commands went through here.

By one path to a disk, all machines of a host are one initiator (one I_T nexus). So two of them cannot fence each other
there, and one's registration is the other's.
"""

from collections.abc import Sequence
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
    """Those on one unit. Not for several threads at once.

    As long as one machine alone sends commands here, nothing follows from them but who is registered in the end. So of
    its registrations only the last is kept, until another command comes or somebody asks: it is much the faster way,
    and the one that nearly all commands go.
    """

    __slots__ = ("_addresses", "_all", "_alone", "_unsettled", "warned")

    def __init__(self) -> None:
        self._all: list[Registration] = []
        self._alone: Peer | None = None  # by _addresses
        self._addresses: frozenset[str] = frozenset()
        self._unsettled: Ended | None = None
        self.warned = False
        """Whether it has been said that several are registered; false again once none is."""

    def by(self, addresses: frozenset[str]) -> list[Registration]:
        """Those that have a nexus in common with a device that is reached by these."""
        self._settle()
        return [one for one in self._all if one.is_by(addresses)]

    def clear(self) -> None:
        """Forget all of them."""
        self._unsettled = self._alone = None
        self._all = []
        self.warned = False

    def change(self, ended: Ended, addresses: frozenset[str]) -> Sequence[Registration]:
        """Follow an OUT command, one of CHANGING, that ended well, by these nexuses.

        Returns the others that are registered by one of them, if it registered a machine.
        """
        action = ended.command.service_action
        if addresses is self._addresses and action in _REGISTERING and ended.peer == self._alone:
            self._unsettled = ended
            return ()
        self._settle()
        others = self._follow(ended, action, addresses)
        alone = len(self._all) == 1 and not self.warned and self._all[0].is_of(ended, addresses)
        self._alone = ended.peer if alone else None
        self._addresses = addresses
        return others

    def replaced(self, former: Sequence[Registration]) -> None:
        """Forget those of machines that have gone, where the last change has put another key in place of theirs.

        A nexus has one registration. One by other nexuses besides may still be there.
        """
        addresses = self._addresses
        self._all = [one for one in self._all if one not in former or not one.addresses <= addresses]

    def _settle(self) -> None:
        unsettled, self._unsettled = self._unsettled, None
        if unsettled is not None:
            self._follow(unsettled, unsettled.command.service_action, self._addresses)

    def _follow(self, ended: Ended, action: int, addresses: frozenset[str]) -> Sequence[Registration]:
        if (keys := ended.command.keys) is None:
            return ()
        key = keys[1]
        others = [one for one in self._all if not one.is_of(ended, addresses)]
        if action in _REGISTERING and key:
            new = Registration(ended.at, ended.client, ended.peer, ended.machine_name, key, addresses)
            self._all = [*others[-(MAX - 1) :], new]
            return [one for one in others if one.is_by(addresses)]
        if action in _REGISTERING:
            self._all = others
        elif action == OutAction.CLEAR:
            self._all = []
        else:  # PREEMPT, or PREEMPT AND ABORT
            self._all = [one for one in self._all if one.key != key or one.is_of(ended, addresses)]
        if not self._all:
            self.warned = False
        return ()
