"""PERSISTENT RESERVE commands, put together of their fields (SPC-4, 6.15 and 6.16)."""

import struct
from collections.abc import Sequence

from .reservation import MAX_DATA, PERSISTENT_RESERVE_IN, PERSISTENT_RESERVE_OUT, Command, InAction, OutAction
from .transport_id import TransportID

SPEC_I_PT, ALL_TG_PT, APTPL = 0x08, 0x04, 0x01
"""Flags in byte 20 of the basic parameter list."""

MOVE_UNREG, MOVE_APTPL = 0x02, 0x01
"""Flags in byte 17 of the parameter list of REGISTER AND MOVE."""

_OUT_CDB = struct.Struct(">BBBxxI7x")
_IN_CDB = struct.Struct(">BB5xH7x")
_BASIC_LIST = struct.Struct(">QQ4xB3x")  # reservation key, service action reservation key, flags
_MOVE_LIST = struct.Struct(">QQxBHI")  # the same, relative target port, length of the TransportID
_LENGTH = struct.Struct(">I")

BASIC_LIST_SIZE = _BASIC_LIST.size


def reserve_in(action: InAction, length: int = MAX_DATA) -> Command:
    """PERSISTENT RESERVE IN, with room for as much as one command of a client can move, or for `length` bytes."""
    return Command(_IN_CDB.pack(PERSISTENT_RESERVE_IN, action, length))


def reserve_out(
    action: int,
    key: int,
    service_action_key: int = 0,
    scope_and_type: int = 0,
    flags: int = 0,
    transport_ids: Sequence[TransportID] = (),
) -> Command:
    """PERSISTENT RESERVE OUT with the basic parameter list; SPEC_I_PT is set if there are TransportIDs.

    Raises ValueError if a value has no room in its field.
    """
    additional = b""
    if transport_ids:
        flags |= SPEC_I_PT
        ids = b"".join(each.to_bytes() for each in transport_ids)
        additional = _LENGTH.pack(len(ids)) + ids
    _require_keys(key, service_action_key)
    return _out(action, scope_and_type, _BASIC_LIST.pack(key, service_action_key, flags) + additional)


def register_and_move(
    key: int, service_action_key: int, transport_id: TransportID, relative_target_port: int, flags: int = 0
) -> Command:
    """REGISTER AND MOVE, of the reservation, to that initiator port as seen through the target port of that number.

    flags: MOVE_UNREG, MOVE_APTPL. Raises ValueError if a value has no room in its field.
    """
    _require_keys(key, service_action_key)
    if not 0 <= relative_target_port < 1 << 16:
        raise ValueError(f"relative target port {relative_target_port} has no room in two bytes")
    port = transport_id.to_bytes()
    data = _MOVE_LIST.pack(key, service_action_key, flags, relative_target_port, len(port)) + port
    return _out(OutAction.REGISTER_AND_MOVE, 0, data)


def _require_keys(*keys: int) -> None:
    for key in keys:
        if not 0 <= key < 1 << 64:
            raise ValueError(f"key {key:#x} has no room in eight bytes")


def _out(action: int, scope_and_type: int, parameter_list: bytes) -> Command:
    if len(parameter_list) > MAX_DATA:
        raise ValueError(f"a parameter list of {len(parameter_list)} bytes; {MAX_DATA} are the most")
    cdb = _OUT_CDB.pack(PERSISTENT_RESERVE_OUT, action, scope_and_type, len(parameter_list))
    return Command(cdb, parameter_list)
