"""PERSISTENT RESERVE IN and OUT: their CDBs and parameter list, and the standard's names (SPC-4, 6.15 and 6.16)."""

import enum
import struct
from typing import NamedTuple

CDB_SIZE = 16
"""Bytes of a CDB, padded from the ten that these commands have (QEMU's PR_HELPER_CDB_SIZE)."""

MAX_DATA = 8192
"""Bytes that one command of a client can move, either way (QEMU's PR_HELPER_DATA_SIZE)."""

MAX_LENGTH = 0xFFFF
"""The most bytes that PERSISTENT RESERVE IN can ask for."""

PERSISTENT_RESERVE_IN = 0x5E
PERSISTENT_RESERVE_OUT = 0x5F

_KEYS = struct.Struct(">QQ")  # reservation key, service action reservation key


class InAction(enum.IntEnum):
    """Service actions of PERSISTENT RESERVE IN (SPC-4, 6.15.1)."""

    READ_KEYS = 0x00
    READ_RESERVATION = 0x01
    REPORT_CAPABILITIES = 0x02
    READ_FULL_STATUS = 0x03


class OutAction(enum.IntEnum):
    """Service actions of PERSISTENT RESERVE OUT (SPC-4, 6.16.2)."""

    REGISTER = 0x00
    RESERVE = 0x01
    RELEASE = 0x02
    CLEAR = 0x03
    PREEMPT = 0x04
    PREEMPT_AND_ABORT = 0x05
    REGISTER_AND_IGNORE_EXISTING_KEY = 0x06
    REGISTER_AND_MOVE = 0x07
    REPLACE_LOST_RESERVATION = 0x08


class ReservationType(enum.IntEnum):
    """Types of persistent reservation (SPC-4, 6.15.3.4)."""

    WRITE_EXCLUSIVE = 0x1
    EXCLUSIVE_ACCESS = 0x3
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 0x5
    EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 0x6
    WRITE_EXCLUSIVE_ALL_REGISTRANTS = 0x7
    EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 0x8


class Command(NamedTuple):
    """A PERSISTENT RESERVE command: its CDB and, for OUT, the parameter list."""

    cdb: bytes
    parameter_list: bytes = b""

    @property
    def is_out(self) -> bool:
        """Whether this is PERSISTENT RESERVE OUT."""
        return self.cdb[0] == PERSISTENT_RESERVE_OUT

    @property
    def length(self) -> int:
        """Allocation length of IN, parameter list length of OUT, in bytes.

        OUT has this field in bytes 5 to 8; like qemu-pr-helper, we ignore the upper half.
        """
        return transfer_length(self.cdb)

    @property
    def service_action(self) -> int:
        """The service action; perhaps none that `InAction` or `OutAction` knows."""
        return self.cdb[1] & 0x1F

    @property
    def scope(self) -> int:
        """The scope, of OUT (SPC-4, 6.15.3.3): 0 is the logical unit, the only value that is not obsolete."""
        return self.cdb[2] >> 4

    @property
    def type_code(self) -> int:
        """The reservation type, of OUT; perhaps none that `ReservationType` knows."""
        return self.cdb[2] & 0x0F

    def __str__(self) -> str:
        """Everything an administrator asks for: service action, type, scope and keys."""
        return _describe_out(self) if self.is_out else f"PERSISTENT RESERVE IN {self.action_name}"

    @property
    def action_name(self) -> str:
        """The service action by name."""
        return _name(OutAction if self.is_out else InAction, self.service_action, "service action")

    @property
    def type_name(self) -> str:
        """The reservation type by name."""
        return _name(ReservationType, self.type_code, "type")

    @property
    def scope_name(self) -> str:
        """The reservation scope by name."""
        return "LU" if self.scope == 0 else f"scope {self.scope:#x}"

    @property
    def keys(self) -> tuple[int, int] | None:
        """Reservation key and service action reservation key; None if the parameter list is too short to hold them."""
        if len(self.parameter_list) < _KEYS.size:
            return None
        key, service_action_key = _KEYS.unpack_from(self.parameter_list)
        return key, service_action_key


def transfer_length(cdb: bytes) -> int:
    """Allocation length or parameter list length of a CDB, in bytes: its bytes 7 and 8."""
    return cdb[7] << 8 | cdb[8]


_ACTIONS_WITH_TYPE = frozenset({OutAction.RESERVE, OutAction.RELEASE, OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT})


def _describe_out(command: Command) -> str:
    text = f"PERSISTENT RESERVE OUT {command.action_name}"
    if command.service_action in _ACTIONS_WITH_TYPE:
        text += f", {command.type_name}, {command.scope_name}"
    if command.keys is None:
        return f"{text}, no keys in {len(command.parameter_list)} bytes"
    key, service_action_key = command.keys
    return f"{text}, key {key:#x}, service action key {service_action_key:#x}"


def _name(names: type[enum.IntEnum], value: int, what: str) -> str:
    try:
        return names(value).name.replace("_", " ")
    except ValueError:
        return f"{what} {value:#04x}"
