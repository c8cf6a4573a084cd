"""PERSISTENT RESERVE IN: the state laid out as parameter data (SPC-4, 6.15)."""

import struct
from collections.abc import Callable

from ...scsi.reservation import InAction
from .state import Registration, State

_HEADER = struct.Struct(">II")  # PRGENERATION, ADDITIONAL LENGTH
_KEY = struct.Struct(">Q")
_RESERVATION = struct.Struct(">Q5xB2x")  # key, scope and type
_CAPABILITIES = struct.Struct(">HBBH2x")
_FULL_STATUS = struct.Struct(">Q4xBB4xHI")  # key, flags, scope and type, port, length of the TransportID

_CRH, _SIP_C, _ATP_C, _PTPL_C = 0x10, 0x08, 0x04, 0x01
_TMV, _ALLOWS_TEST_UNIT_READY, _PTPL_A = 0x80, 0x10, 0x01
_R_HOLDER = 0x01

_LU_SCOPE = 0x00
_TYPE_MASK = 0xEA01  # all six types (table 209)


def read_keys(state: State) -> bytes:
    """READ KEYS (6.15.2): one key per registration, including duplicates."""
    return _with_header(state, b"".join(_KEY.pack(each.key) for each in state.registrations))


def read_reservation(state: State) -> bytes:
    """READ RESERVATION (6.15.3): the key is zero if all registrants hold it (5.13.10)."""
    reservation = state.reservation
    if reservation is None:
        return _with_header(state, b"")
    key = 0 if reservation.holder is None else state.key_of(reservation.holder) or 0
    return _with_header(state, _RESERVATION.pack(key, _LU_SCOPE | reservation.type))


def report_capabilities(state: State) -> bytes:
    """REPORT CAPABILITIES (6.15.4): everything but REPLACE LOST RESERVATION."""
    activated = _TMV | _ALLOWS_TEST_UNIT_READY | (_PTPL_A if state.aptpl else 0)
    return _CAPABILITIES.pack(_CAPABILITIES.size, _CRH | _SIP_C | _ATP_C | _PTPL_C, activated, _TYPE_MASK)


def read_full_status(state: State) -> bytes:
    """READ FULL STATUS (6.15.5): one descriptor per I_T nexus, so ALL_TG_PT is never set."""
    return _with_header(state, b"".join(_descriptor(state, each) for each in state.registrations))


READERS: dict[InAction, Callable[[State], bytes]] = {
    InAction.READ_KEYS: read_keys,
    InAction.READ_RESERVATION: read_reservation,
    InAction.REPORT_CAPABILITIES: report_capabilities,
    InAction.READ_FULL_STATUS: read_full_status,
}


def _with_header(state: State, body: bytes) -> bytes:
    return _HEADER.pack(state.generation, len(body)) + body


def _descriptor(state: State, registration: Registration) -> bytes:
    nexus = registration.nexus
    transport_id = nexus.transport_id.to_bytes()
    flags, scope_and_type = 0, 0
    reservation = state.reservation
    if reservation is not None and (reservation.is_all_registrants or reservation.holder == nexus):
        flags, scope_and_type = _R_HOLDER, _LU_SCOPE | reservation.type
    head = _FULL_STATUS.pack(registration.key, flags, scope_and_type, nexus.relative_port, len(transport_id))
    return head + transport_id
