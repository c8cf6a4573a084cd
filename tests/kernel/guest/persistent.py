"""Persistent reservations as a test speaks of them: commands of one nexus, sent through the helper or straight.

Commands and parameter data are laid out here after SPC-4, independently of the code under test.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

GOOD, CHECK_CONDITION, RESERVATION_CONFLICT = 0x00, 0x02, 0x18

TYPES = (1, 3, 5, 6, 7, 8)
WRITE_EXCLUSIVE, EXCLUSIVE_ACCESS = 1, 3
WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5
ALL_REGISTRANTS = (7, 8)


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


class Result(Protocol):
    """What any way to send a command answers."""

    @property
    def status(self) -> int: ...
    @property
    def sense(self) -> bytes: ...
    @property
    def payload(self) -> bytes: ...


# A command, parameter data to send, allocation length.
Execute = Callable[[bytes, bytes, int], Result]


@dataclass(frozen=True)
class Holder:
    """A reservation as READ RESERVATION tells of it."""

    key: int
    kind: int


@dataclass(frozen=True)
class Registrant:
    """One descriptor of READ FULL STATUS."""

    key: int
    holds: bool
    kind: int
    port: int
    transport_id: bytes


class Nexus:
    """One initiator's view of the unit. `execute` sends the commands."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def read(self, action: int, allocation: int = 8192) -> Result:
        cdb = struct.pack(">BB5xHx", 0x5E, action, allocation)
        return self._execute(cdb, b"", allocation)

    def write(self, action: int, key: int = 0, new: int = 0, kind: int = 0, flags: int = 0) -> Result:
        """Send a PERSISTENT RESERVE OUT with the basic parameter list; `flags` is its byte 20."""
        return self.write_raw(action, kind, struct.pack(">QQ4xB3x", key, new, flags))

    def write_raw(self, action: int, kind: int, parameters: bytes) -> Result:
        cdb = struct.pack(">BBBxxIx", 0x5F, action, kind, len(parameters))
        return self._execute(cdb, parameters, 0)

    def move(self, key: int, new: int, transport_id: bytes, port: int = 1, unregister: bool = False) -> Result:
        """REGISTER AND MOVE to another initiator, seen through the target port with that relative identifier."""
        head = struct.pack(">QQxBHI", key, new, unregister << 1, port, len(transport_id))
        return self.write_raw(Out.REGISTER_AND_MOVE, 0, head + transport_id)

    def generation(self) -> int:
        (generation,) = struct.unpack_from(">I", self.good(In.READ_KEYS))
        return int(generation)

    def keys(self) -> list[int]:
        data = self.good(In.READ_KEYS)
        (size,) = struct.unpack_from(">I", data, 4)
        return [key for (key,) in struct.iter_unpack(">Q", data[8 : 8 + size])]

    def reservation(self) -> Holder | None:
        data = self.good(In.READ_RESERVATION)
        (size,) = struct.unpack_from(">I", data, 4)
        if not size:
            return None
        key, kind = struct.unpack_from(">Q5xB", data, 8)
        return Holder(key, kind)

    def registrants(self) -> list[Registrant]:
        data = self.good(In.READ_FULL_STATUS)
        (size,) = struct.unpack_from(">I", data, 4)
        found, at = [], 8
        while at < 8 + size:
            key, flags, kind, port, length = struct.unpack_from(">Q4xBB4xHI", data, at)
            found.append(Registrant(key, bool(flags & 1), kind, port, data[at + 24 : at + 24 + length]))
            at += 24 + length
        return found

    def good(self, action: In) -> bytes:
        answer = self.read(action)
        assert answer.status == GOOD, f"{action.name}: {answer}"
        return answer.payload


def sense_code(sense: bytes) -> tuple[int, int, int]:
    """Key, additional sense code and qualifier, from sense data of either format."""
    if sense[0] & 0x7F in (0x72, 0x73):
        return sense[1] & 15, sense[2], sense[3]
    return sense[2] & 15, sense[12], sense[13]
