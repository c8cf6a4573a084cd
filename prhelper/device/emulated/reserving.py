"""RESERVE, RELEASE and CLEAR (SPC-4, 5.13.9, 5.13.11.2.2 and 5.13.11.2.7)."""

from dataclasses import replace

from ...scsi import sense
from ...scsi.outcome import check_condition
from .parameters import CONFLICT, Parameters, RefusedError
from .state import Nexus, State, reservation_of


def reserve(state: State, nexus: Nexus, wanted: Parameters) -> State:
    """Make the reservation. There is at most one; its holder may ask again for what it has (5.13.9)."""
    kind = wanted.type()
    wanted.require_key(state, nexus)
    wanted.require_lu_scope()
    if state.reservation is None:
        return replace(state, reservation=reservation_of(kind, nexus))
    if state.reservation.type is not kind:
        raise RefusedError(CONFLICT)
    return state


def release(state: State, nexus: Nexus, wanted: Parameters) -> State:
    """Give up the reservation. From a nexus that does not hold it, this is GOOD and changes nothing (5.13.11.2.2)."""
    wanted.require_key(state, nexus)
    reservation = state.reservation
    if reservation is None or not state.holds(nexus):
        return state
    if (wanted.scope, wanted.type_code) != (0, reservation.type):
        raise RefusedError(check_condition(sense.INVALID_RELEASE))
    state = replace(state, reservation=None)
    if reservation.is_registrants_only or reservation.is_all_registrants:
        return state.told(state.others(nexus), sense.RESERVATIONS_RELEASED)
    return state


def clear(state: State, nexus: Nexus, wanted: Parameters) -> State:
    """Remove the reservation and all registrations; the others get a unit attention (5.13.11.2.7)."""
    wanted.require_key(state, nexus)
    others = state.others(nexus)
    return replace(state, registrations=(), reservation=None).told(others, sense.RESERVATIONS_PREEMPTED).counted()
