"""PREEMPT and PREEMPT AND ABORT as LIO carries them out: whom it takes for the holder, and which fields it looks at."""

from __future__ import annotations

from dataclasses import replace

from prhelper.device.emulated.parameters import INVALID_CDB, INVALID_PARAMETER, Parameters
from prhelper.device.emulated.state import Nexus, State, reservation_of
from prhelper.scsi import sense
from prhelper.scsi.reservation import ReservationType

from .departures import GOOD, IGNORED_FIELDS, Departed
from .memory import Memory

_ONE_HOLDS = "one of all is the holder"
_WRONG_SCOPE = "scope blamed on the list"


def departure_in_preempting(
    state: State, memory: Memory, nexus: Nexus, wanted: Parameters, older: bool
) -> Departed | None:
    """What LIO may answer instead. The older one looks at the type before the key, and at the scope in any case."""
    reservation, named = state.reservation, wanted.service_action_key
    wrong_type = wanted.type_code not in (*ReservationType,)
    if older and wrong_type:
        return IGNORED_FIELDS, state, INVALID_CDB
    if wanted.key != state.key_of(nexus):
        return None
    shared = reservation is not None and reservation.is_all_registrants
    holder = memory.first_of_all if shared else reservation.holder if reservation else None
    from_holder = holder is not None and named == state.key_of(holder)
    taken_over = not named if shared else from_holder
    if (wrong_type or wanted.scope) and (older or taken_over or from_holder):
        name = _WRONG_SCOPE if taken_over else _ONE_HOLDS if from_holder else IGNORED_FIELDS
        return name, state, INVALID_CDB if wrong_type else INVALID_PARAMETER
    if reservation is None or not named:
        return None
    victims = [each.nexus for each in state.registrations if each.key == named and each.nexus != nexus]
    after = state.unregistered(victims).told(victims, sense.REGISTRATIONS_PREEMPTED).counted()
    if shared and not from_holder:
        return ("own key stays", after, GOOD) if named in (each.key for each in state.registrations) else None
    if not shared and not (from_holder and holder in memory.odd_scope):
        return None
    kind = wanted.type()
    after = replace(after, reservation=reservation_of(kind, nexus))
    if not shared or reservation.type is not kind:
        after = after.told(after.others(nexus), sense.RESERVATIONS_RELEASED)
    return _ONE_HOLDS if shared else "moved back, stuck", after, GOOD
