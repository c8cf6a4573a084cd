"""Which commands conflict with a persistent reservation (SPC-4, 5.13.1; SBC-4, 4.17).

The standards' tables have five columns, of which two matter: those for nexuses that share in a reservation of type
registrants only or all registrants say "allowed" throughout, and those for everybody else are the same for the three
Write Exclusive types, and for the three Exclusive Access ones. So a command is allowed always, allowed in spite of
Write Exclusive, or it conflicts; what is not listed here conflicts.
"""

from typing import TypeAlias

from ...scsi.reservation import PERSISTENT_RESERVE_OUT, OutAction, ReservationType
from .state import Nexus, State

_Operation: TypeAlias = tuple[int, int | None]
"""Operation code, and service action where the code has them."""

_WRITE_EXCLUSIVE = (
    ReservationType.WRITE_EXCLUSIVE,
    ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS,
)

_ALLOWED: frozenset[_Operation] = frozenset(
    {
        (0x00, None),  # TEST UNIT READY
        (0x03, None),  # REQUEST SENSE
        (0x12, None),  # INQUIRY
        (0x25, None),  # READ CAPACITY(10)
        (0x4D, None),  # LOG SENSE
        (0x5E, None),  # PERSISTENT RESERVE IN
        *((0x84, action) for action in range(0x20)),  # RECEIVE COPY RESULTS and its kin, REPORT ALL ROD TOKENS
        (0x86, None),  # ACCESS CONTROL IN
        (0x87, None),  # ACCESS CONTROL OUT
        (0x9E, 0x10),  # READ CAPACITY(16)
        (0x9E, 0x13),  # REPORT REFERRALS
        (0xA0, None),  # REPORT LUNS
        (0xA3, 0x05),  # REPORT IDENTIFYING INFORMATION
        (0xA3, 0x0A),  # REPORT TARGET PORT GROUPS
        (0xA3, 0x0B),  # REPORT ALIASES
        (0xA3, 0x0E),  # REPORT PRIORITY
        (0xA3, 0x0F),  # REPORT TIMESTAMP
        (0xA3, 0x1D),  # REPORT PROVISIONING INITIALIZATION PATTERN
        (0xAB, 0x01),  # READ MEDIA SERIAL NUMBER
    }
)

_ALLOWED_IN_WRITE_EXCLUSIVE: frozenset[_Operation] = frozenset(
    {
        (0x08, None),  # READ(6)
        (0x1A, None),  # MODE SENSE(6)
        (0x1C, None),  # RECEIVE DIAGNOSTIC RESULTS
        (0x28, None),  # READ(10)
        (0x2F, None),  # VERIFY(10)
        (0x34, None),  # PRE-FETCH(10)
        (0x37, None),  # READ DEFECT DATA(10)
        (0x3C, None),  # READ BUFFER(10)
        (0x5A, None),  # MODE SENSE(10)
        (0x7F, 0x0009),  # READ(32)
        (0x7F, 0x000A),  # VERIFY(32)
        (0x7F, 0x0012),  # GET LBA STATUS(32)
        (0x83, 0x10),  # POPULATE TOKEN
        (0x88, None),  # READ(16)
        (0x8C, None),  # READ ATTRIBUTE
        (0x8F, None),  # VERIFY(16)
        (0x90, None),  # PRE-FETCH(16)
        (0x9B, None),  # READ BUFFER(16)
        (0x9E, 0x12),  # GET LBA STATUS(16)
        (0x9E, 0x16),  # GET STREAM STATUS
        (0x9E, 0x17),  # GET PHYSICAL ELEMENT STATUS
        (0xA2, None),  # SECURITY PROTOCOL IN
        (0xA3, 0x0C),  # REPORT SUPPORTED OPERATION CODES
        (0xA3, 0x0D),  # REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
        (0xA3, 0x10),  # MANAGEMENT PROTOCOL IN
        (0xA8, None),  # READ(12)
        (0xAF, None),  # VERIFY(12)
        (0xB7, None),  # READ DEFECT DATA(12)
    }
)

_START_STOP_UNIT, _PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1B, 0x1E
_VARIABLE_LENGTH = 0x7F
_WITH_SERVICE_ACTION = (0x83, 0x84, 0x9D, 0x9E, 0xA3, 0xA4, 0xA9, 0xAB)
_RESERVE_AND_RELEASE = (0x16, 0x17, 0x56, 0x57)  # of SPC-2

_ACTIONS_OF_ANYBODY = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
_ACTIONS_OF_HOLDERS = (OutAction.RESERVE, OutAction.REGISTER_AND_MOVE)


def conflicts(state: State, nexus: Nexus, cdb: bytes) -> bool:
    """Whether a command, of which `cdb` is the whole CDB, is to be refused to a nexus with RESERVATION CONFLICT."""
    if cdb[0] == PERSISTENT_RESERVE_OUT:
        return action_conflicts(state, nexus, cdb[1] & 0x1F)
    if cdb[0] in _RESERVE_AND_RELEASE:
        return bool(state.registrations) and not _has_access(state, nexus)  # 5.13.3; SPC-2, 5.5.1
    if state.reservation is None or _has_access(state, nexus):
        return False
    operation = _operation(cdb)
    if operation in _ALLOWED or _is_harmless(cdb):
        return False
    return state.reservation.type not in _WRITE_EXCLUSIVE or operation not in _ALLOWED_IN_WRITE_EXCLUSIVE


def action_conflicts(state: State, nexus: Nexus, action: int) -> bool:
    """Whether a service action of PERSISTENT RESERVE OUT conflicts with a reservation that others hold (table 66)."""
    if state.reservation is None or state.holds(nexus) or action in _ACTIONS_OF_ANYBODY:
        return False
    return state.key_of(nexus) is None or action in _ACTIONS_OF_HOLDERS


def _has_access(state: State, nexus: Nexus) -> bool:
    if state.reservation is None:
        return False
    return state.holds(nexus) or (state.reservation.is_registrants_only and state.key_of(nexus) is not None)


def _operation(cdb: bytes) -> _Operation:
    if cdb[0] == _VARIABLE_LENGTH:
        return cdb[0], int.from_bytes(cdb[8:10])
    return cdb[0], cdb[1] & 0x1F if cdb[0] in _WITH_SERVICE_ACTION else None


def _is_harmless(cdb: bytes) -> bool:
    """START STOP UNIT that only starts, and PREVENT ALLOW MEDIUM REMOVAL that allows."""
    if cdb[0] == _START_STOP_UNIT:
        return cdb[4] & 0xF1 == 0x01
    return cdb[0] == _PREVENT_ALLOW_MEDIUM_REMOVAL and cdb[4] & 0x03 == 0
