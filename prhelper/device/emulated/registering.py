"""REGISTER, REGISTER AND IGNORE EXISTING KEY, REGISTER AND MOVE (SPC-4, 5.13.7, 5.13.8 and 5.13.11.2.3)."""

from collections.abc import Iterable
from dataclasses import replace

from ...scsi import sense
from ...scsi.reservation import OutAction
from .parameters import CONFLICT, INVALID_CDB, INVALID_PARAMETER, Parameters, RefusedError
from .state import Nexus, State


def register(state: State, nexus: Nexus, wanted: Parameters) -> State:
    """Register, change the key, or, with a service action key of zero, unregister (tables 67 and 68)."""
    key = state.key_of(nexus)
    if wanted.action is OutAction.REGISTER and wanted.key != (key or 0):
        raise RefusedError(CONFLICT)
    if key is None and not wanted.service_action_key:
        return state  # "do nothing except return GOOD", not even increment PRGENERATION
    if key is not None and wanted.spec_i_pt:
        raise RefusedError(INVALID_PARAMETER)  # note c of table 67

    nexuses = _through_ports(state, nexus, wanted)
    if wanted.spec_i_pt:
        nexuses += _specified(state, nexus, wanted)
    if wanted.service_action_key:
        state = state.registered(nexuses, wanted.service_action_key)
    else:
        state = _unregister(state, nexus, nexuses)
    return replace(state, aptpl=wanted.aptpl).counted()


def move(state: State, nexus: Nexus, wanted: Parameters) -> State:
    """REGISTER AND MOVE: register another nexus and make it the holder (table 70, 5.13.8)."""
    wanted.require_key(state, nexus)
    if not wanted.service_action_key or wanted.relative_port not in state.ports:
        raise RefusedError(INVALID_PARAMETER)
    transport_id = wanted.transport_id()
    if transport_id == nexus.transport_id:
        raise RefusedError(INVALID_PARAMETER)
    reservation = state.reservation
    if reservation is None:
        raise RefusedError(INVALID_CDB)
    if reservation.is_all_registrants:
        raise RefusedError(CONFLICT)

    heir = Nexus(str(transport_id), transport_id, wanted.relative_port)
    state = replace(state.registered([heir], wanted.service_action_key), aptpl=wanted.aptpl)
    state = replace(state, reservation=replace(reservation, holder=heir))
    if wanted.unregister:
        state = state.unregistered([nexus])
    return state.counted()


def _through_ports(state: State, nexus: Nexus, wanted: Parameters) -> list[Nexus]:
    """The nexus itself or, with ALL_TG_PT, its initiator port through every target port (table 69)."""
    if not wanted.all_tg_pt:
        return [nexus]
    return [replace(nexus, relative_port=port) for port in state.ports]


def _specified(state: State, nexus: Nexus, wanted: Parameters) -> list[Nexus]:
    """The nexuses of the initiator ports that SPEC_I_PT lists; none may be registered already (note b of table 67).

    An iSCSI node listed without an ISID counts as a port of that name, because the unit knows no sessions.
    """
    found: list[Nexus] = []
    for port in wanted.transport_ids():
        listed = replace(nexus, name=str(port), transport_id=port)
        found += _through_ports(state, listed, wanted)
    if not state.keys().keys().isdisjoint(found):
        raise RefusedError(INVALID_PARAMETER)
    return found


def _unregister(state: State, nexus: Nexus, leaving: Iterable[Nexus]) -> State:
    """Remove registrations. If that ends a registrants-only reservation, its other registrants get a unit attention."""
    before = state.reservation
    state = state.unregistered(leaving)
    if before is not None and before.is_registrants_only and state.reservation is None:
        return state.told(state.others(nexus), sense.RESERVATIONS_RELEASED)
    return state
