"""The vocabulary of the tests: statuses, sense, CDBs and parameter lists as SPC-4 lays them out.

It shares no code with prhelper, so that a mistake there cannot hide here.
"""

import struct
from enum import IntEnum

GOOD, CHECK_CONDITION, BUSY, CONFLICT, TASK_SET_FULL = 0x00, 0x02, 0x08, 0x18, 0x28
"""Statuses (SAM-5, 5.3.1); CONFLICT is RESERVATION CONFLICT."""

Codes = tuple[int, int, int]
"""What sense data says: sense key, additional sense code (ASC) and its qualifier (ASCQ)."""

UNIT_ATTENTION = 0x06
"""A sense key."""

INTERNAL_TARGET_FAILURE: Codes = (0x04, 0x44, 0x00)
PARAMETER_LIST_LENGTH_ERROR: Codes = (0x05, 0x1A, 0x00)
INVALID_OPCODE: Codes = (0x05, 0x20, 0x00)
INVALID_FIELD_IN_CDB: Codes = (0x05, 0x24, 0x00)
INVALID_FIELD_IN_PARAMETER_LIST: Codes = (0x05, 0x26, 0x00)
INVALID_RELEASE: Codes = (0x05, 0x26, 0x04)
INSUFFICIENT_REGISTRATION_RESOURCES: Codes = (0x05, 0x55, 0x04)
RESERVATIONS_PREEMPTED: Codes = (0x06, 0x2A, 0x03)
RESERVATIONS_RELEASED: Codes = (0x06, 0x2A, 0x04)
REGISTRATIONS_PREEMPTED: Codes = (0x06, 0x2A, 0x05)
IO_TERMINATED: Codes = (0x0B, 0x00, 0x06)
NEXUS_LOSS: Codes = (0x0B, 0x29, 0x07)

PERSISTENT_RESERVE_IN = 0x5E
PERSISTENT_RESERVE_OUT = 0x5F

WRITE_EXCLUSIVE, EXCLUSIVE_ACCESS, WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 1, 3, 5
ALL_REGISTRANTS = (7, 8)
TYPES = (1, 3, 5, 6, 7, 8)

SPEC_I_PT, ALL_TG_PT, APTPL = 0x08, 0x04, 0x01
"""Flags of the basic parameter list, in its byte 20."""

UNREG, MOVE_APTPL = 0x02, 0x01
"""Flags of the parameter list of REGISTER AND MOVE, in its byte 17."""

_NACA = 0x04


class In(IntEnum):
    """Service actions of PERSISTENT RESERVE IN."""

    READ_KEYS = 0
    READ_RESERVATION = 1
    REPORT_CAPABILITIES = 2
    READ_FULL_STATUS = 3


class Out(IntEnum):
    """Service actions of PERSISTENT RESERVE OUT."""

    REGISTER = 0
    RESERVE = 1
    RELEASE = 2
    CLEAR = 3
    PREEMPT = 4
    PREEMPT_AND_ABORT = 5
    REGISTER_AND_IGNORE_EXISTING_KEY = 6
    REGISTER_AND_MOVE = 7
    REPLACE_LOST_RESERVATION = 8


def reserve_in(action: int, allocation_length: int = 8192) -> bytes:
    """The CDB of PERSISTENT RESERVE IN, padded to 16 bytes."""
    return struct.pack(">BB5xH7x", PERSISTENT_RESERVE_IN, action, allocation_length)


def reserve_out(action: int, kind: int = 0, length: int = 24) -> bytes:
    """The CDB of PERSISTENT RESERVE OUT, padded to 16 bytes; `kind` is scope and type, the scope 0 the logical unit."""
    return struct.pack(">BBB4xH7x", PERSISTENT_RESERVE_OUT, action, kind, length)


def with_naca(cdb: bytes) -> bytes:
    """The same CDB with NACA set in its control byte."""
    return cdb[:9] + bytes([cdb[9] | _NACA]) + cdb[10:]


def keys(key: int = 0, service_action_key: int = 0, flags: int = 0) -> bytes:
    """The basic parameter list of PERSISTENT RESERVE OUT."""
    return struct.pack(">QQ4xB3x", key, service_action_key, flags)


def transport_ids(*ids: bytes) -> bytes:
    """What SPEC_I_PT adds to the basic parameter list."""
    data = b"".join(ids)
    return struct.pack(">I", len(data)) + data


def move_list(key: int, new: int, transport_id: bytes, port: int = 1, flags: int = 0) -> bytes:
    """The parameter list of REGISTER AND MOVE: to that initiator, seen through the target port of that number."""
    return struct.pack(">QQxBHI", key, new, flags, port, len(transport_id)) + transport_id


def sense_code(sense: bytes) -> Codes:
    """The codes of sense data in either format."""
    if sense[0] & 0x7F in (0x72, 0x73):
        return sense[1] & 0x0F, sense[2], sense[3]
    return sense[2] & 0x0F, sense[12], sense[13]


def fixed_sense(codes: Codes) -> bytes:
    """Current sense data in fixed format, without anything behind."""
    key, asc, ascq = codes
    return struct.pack(">BxB4xB4xBB4x", 0x70, key, 10, asc, ascq)
