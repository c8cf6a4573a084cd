"""The state of an emulated logical unit. Values only: a command makes a new State and leaves the old one unchanged.

An I_T nexus is an initiator port, named by its TransportID, seen through a target port of the unit, named by its
relative target port identifier.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import starmap
from typing import Any

from ...scsi.reservation import ReservationType
from ...scsi.sense import Sense
from ...scsi.transport_id import TransportID, parse_transport_id

_REGISTRANTS_ONLY = (
    ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
    ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
)
_ALL_REGISTRANTS = (
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS,
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
)


MAX_ATTENTIONS = 4096
"""Pending unit attention conditions of a unit."""


@dataclass(frozen=True, slots=True)
class Nexus:
    """An I_T nexus: initiator port and target port. `name` is for people only and does not affect equality."""

    name: str = field(compare=False)
    transport_id: TransportID
    relative_port: int = 1

    def __str__(self) -> str:
        return f"{self.name} ({self.transport_id}, port {self.relative_port})"


@dataclass(frozen=True, slots=True)
class Registration:
    """A nexus and its reservation key, never zero."""

    nexus: Nexus
    key: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """The persistent reservation. Its holder is None where every registrant holds it (SPC-4, 5.13.10)."""

    type: ReservationType
    holder: Nexus | None

    @property
    def is_registrants_only(self) -> bool:
        """Whether one nexus holds it and every registered nexus has access."""
        return self.type in _REGISTRANTS_ONLY

    @property
    def is_all_registrants(self) -> bool:
        """Whether every registered nexus holds it."""
        return self.type in _ALL_REGISTRANTS


def reservation_of(kind: ReservationType, nexus: Nexus) -> Reservation:
    """The reservation that a nexus gets when it asks for this type."""
    return Reservation(kind, None if kind in _ALL_REGISTRANTS else nexus)


@dataclass(frozen=True, slots=True)
class State:
    """A logical unit between commands.

    generation: PRGENERATION, 32 bits.
    registrations: in the order in which they were made; a nexus has at most one.
    aptpl: whether registrations and reservation survive a power loss, as the last registration asked.
    attentions: unit attention conditions not reported yet, for each nexus in the order in which they arose.
    ports: relative identifiers of the target ports through which the unit can be reached.
    """

    generation: int = 0
    registrations: tuple[Registration, ...] = ()
    reservation: Reservation | None = None
    aptpl: bool = False
    attentions: tuple[tuple[Nexus, Sense], ...] = ()
    ports: tuple[int, ...] = (1,)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left that a nexus could rely on: a power loss takes the rest."""
        return not self.registrations and self.reservation is None

    def key_of(self, nexus: Nexus) -> int | None:
        """The reservation key that a nexus is registered with; None if it is not registered."""
        return next((each.key for each in self.registrations if each.nexus == nexus), None)

    def holds(self, nexus: Nexus) -> bool:
        """Whether a nexus is the persistent reservation holder, or one of them."""
        if self.reservation is None:
            return False
        if self.reservation.is_all_registrants:
            return self.key_of(nexus) is not None
        return self.reservation.holder == nexus

    def others(self, nexus: Nexus) -> tuple[Nexus, ...]:
        """Every registered nexus but this one."""
        return tuple(each.nexus for each in self.registrations if each.nexus != nexus)

    def keys(self) -> dict[Nexus, int]:
        """Every registered nexus and its key."""
        return {each.nexus: each.key for each in self.registrations}

    def registered(self, nexuses: Iterable[Nexus], key: int) -> "State":
        """With these nexuses registered under the key; those already registered change their key."""
        keys = self.keys() | dict.fromkeys(nexuses, key)
        return replace(self, registrations=tuple(starmap(Registration, keys.items())))

    def unregistered(self, nexuses: Iterable[Nexus]) -> "State":
        """Without these registrations, and without the reservation if no holder is left (SPC-4, 5.13.10)."""
        leaving = frozenset(nexuses)
        left = tuple(each for each in self.registrations if each.nexus not in leaving)
        reservation = self.reservation
        if reservation is not None:
            held = bool(left) if reservation.is_all_registrants else reservation.holder not in leaving
            reservation = reservation if held else None
        return replace(self, registrations=left, reservation=reservation)

    def counted(self) -> "State":
        """With PRGENERATION incremented: a 32-bit counter that wraps (SPC-4, 6.15.2)."""
        return replace(self, generation=(self.generation + 1) % 2**32)

    def told(self, nexuses: Iterable[Nexus], attention: Sense) -> "State":
        """With this unit attention condition pending for each of these nexuses, once.

        Beyond MAX_ATTENTIONS the oldest are dropped: a nexus may never come back to collect its own.
        """
        pending = dict.fromkeys((*self.attentions, *((nexus, attention) for nexus in nexuses)))
        return replace(self, attentions=tuple(pending)[-MAX_ATTENTIONS:])

    def take_attention(self, nexus: Nexus) -> tuple["State", Sense | None]:
        """The unit attention condition that is due to a nexus, if any, and the state without it."""
        for number, (owner, attention) in enumerate(self.attentions):
            if owner == nexus:
                return replace(self, attentions=self.attentions[:number] + self.attentions[number + 1 :]), attention
        return self, None

    def to_dict(self) -> dict[str, Any]:
        """What survives a power loss if `aptpl` is set, as JSON types."""
        reservation = self.reservation
        return {
            "aptpl": self.aptpl,
            "registrations": [{**nexus_to_dict(each.nexus), "key": each.key} for each in self.registrations],
            "reservation": reservation
            and {
                "type": int(reservation.type),
                "holder": reservation.holder and nexus_to_dict(reservation.holder),
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "State":
        """A unit just powered on, from what `to_dict` returned. Raises KeyError, TypeError or ValueError if damaged."""
        registrations = tuple(Registration(nexus_from_dict(each), int(each["key"])) for each in data["registrations"])
        reservation = None
        if (stored := data["reservation"]) is not None:
            holder = stored["holder"] and nexus_from_dict(stored["holder"])
            reservation = Reservation(ReservationType(stored["type"]), holder)
        return cls(registrations=registrations, reservation=reservation, aptpl=bool(data["aptpl"]))


def power_cycled(state: State) -> State:
    """The state after a power cycle (SPC-4, 5.13.5): with APTPL, all but PRGENERATION and attentions survives."""
    if not state.aptpl:
        return State(ports=state.ports)
    return replace(state, generation=0, attentions=())


def nexus_to_dict(nexus: Nexus) -> dict[str, Any]:
    """A nexus, as JSON types."""
    return {"name": nexus.name, "transport_id": str(nexus.transport_id), "port": nexus.relative_port}


def nexus_from_dict(data: Mapping[str, Any]) -> Nexus:
    """What `nexus_to_dict` returned. Raises KeyError, TypeError or ValueError if damaged."""
    return Nexus(str(data["name"]), parse_transport_id(data["transport_id"]), int(data["port"]))
