"""PREEMPT and PREEMPT AND ABORT (SPC-4, 5.13.11.2.4 to 5.13.11.2.6).

The two are the same here: the unit executes each command atomically, so there is never one to abort.
"""

from dataclasses import replace

from ...scsi import sense
from .parameters import CONFLICT, INVALID_PARAMETER, Parameters, RefusedError
from .state import Nexus, State, reservation_of


def preempt(state: State, nexus: Nexus, wanted: Parameters) -> State:
    """Take over the reservation, or only remove registrations, depending on the service action key (table 72)."""
    wanted.require_key(state, nexus)
    named = wanted.service_action_key
    shared = state.reservation is not None and state.reservation.is_all_registrants
    if not named and not shared:
        raise RefusedError(INVALID_PARAMETER)
    if named and all(each.key != named for each in state.registrations):
        raise RefusedError(CONFLICT)
    if shared and not named:
        return _take_over(state, nexus, wanted, list(state.others(nexus)))
    victims = [each.nexus for each in state.registrations if each.key == named]
    if state.reservation is not None and state.reservation.holder in victims:
        return _take_over(state, nexus, wanted, [each for each in victims if each != nexus])
    return _remove(state, nexus, victims)


def _remove(state: State, nexus: Nexus, victims: list[Nexus]) -> State:
    """Remove registrations, perhaps its own too; SCOPE and TYPE are ignored (5.13.11.2.5)."""
    told = [each for each in victims if each != nexus]
    return state.unregistered(victims).told(told, sense.REGISTRATIONS_PREEMPTED).counted()


def _take_over(state: State, nexus: Nexus, wanted: Parameters, victims: list[Nexus]) -> State:
    """Replace the reservation with the nexus's own, and remove the victims' registrations (5.13.11.2.4.3)."""
    kind = wanted.type()
    wanted.require_lu_scope()
    changed = state.reservation is not None and state.reservation.type is not kind
    state = replace(state.unregistered(victims), reservation=reservation_of(kind, nexus))
    state = state.told(victims, sense.REGISTRATIONS_PREEMPTED)
    if changed:
        state = state.told(state.others(nexus), sense.RESERVATIONS_RELEASED)
    return state.counted()
