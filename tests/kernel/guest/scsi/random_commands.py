"""Random PERSISTENT RESERVE commands, valid and invalid, every field at its edges; the same seed gives the same ones.

What is sent depends on the state of the unit, or next to no command would do anything: most have the right key.
"""

from __future__ import annotations

import random
import struct

from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.reservation import Command, OutAction, ReservationType
from prhelper.scsi.transport_id import FibreChannelPort, SasPort
from tests.support.spc import ALL_TG_PT, APTPL, SPEC_I_PT, keys, reserve_in, reserve_out, with_naca

KEYS = (0x1, 0xAAAA0001, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF)
STRANGER = SasPort(0x6001405000000099)
ALLOCATIONS = (0, 1, 5, 6, 7, 8, 9, 15, 16, 17, 21, 22, 23, 24, 25, 32, 33, 55, 56, 57, 80, 81, 103, 104, 105, 8192)

_IN_ACTIONS = (0, 1, 2, 3, 3, 3, 4, 0x1F)
_OUT_ACTIONS = (
    *[OutAction.REGISTER] * 8,
    *[OutAction.REGISTER_AND_IGNORE_EXISTING_KEY] * 3,
    *[OutAction.RESERVE] * 6,
    *[OutAction.RELEASE] * 3,
    *[OutAction.PREEMPT] * 4,
    *[OutAction.REGISTER_AND_MOVE] * 4,
    OutAction.PREEMPT_AND_ABORT,
    OutAction.CLEAR,
    OutAction.REPLACE_LOST_RESERVATION,
    0x09,
    0x1F,
)


class Commands:
    """A source of commands for a unit with these nexuses."""

    def __init__(self, seed: int, nexuses: list[Nexus]) -> None:
        self._random = random.Random(seed)
        self._nexuses = nexuses

    def next(self, state: State) -> tuple[Nexus, Command]:
        """Who sends what next."""
        nexus = self._random.choice(self._nexuses)
        return nexus, self._read() if self._once_in(5) else self._write(state, nexus)

    def _read(self) -> Command:
        action = self._random.choice(_IN_ACTIONS)
        return Command(self._controlled(reserve_in(action, self._random.choice(ALLOCATIONS))))

    def _write(self, state: State, nexus: Nexus) -> Command:
        action = self._random.choice(_OUT_ACTIONS)
        key = self._key(state, nexus)
        new = 0 if self._once_in(4) else self._random.choice(KEYS)
        if action == OutAction.PREEMPT and state.registrations and not self._once_in(3):
            new = self._random.choice(state.registrations).key
        if action == OutAction.PREEMPT_AND_ABORT:
            new = self._unknown_key(state)
        if action == OutAction.REGISTER_AND_MOVE:
            parameters = self._move_list(key, new)
        else:
            parameters = self._basic_list(action, key, new)
        if self._once_in(25):
            parameters = self._wrong_length(parameters)
        return self._out(action, self._kind(state), parameters)

    def _out(self, action: int, kind: int, parameters: bytes) -> Command:
        return Command(self._controlled(reserve_out(action, kind, len(parameters))), parameters)

    def _key(self, state: State, nexus: Nexus) -> int:
        if self._once_in(8):
            return self._random.choice((0, *KEYS))
        return state.key_of(nexus) or 0

    def _unknown_key(self, state: State) -> int:
        """LIO (Linux 6.1) never ends a PREEMPT AND ABORT of a registered key: its abort waits for itself."""
        unknown = {*KEYS, 0xDEAD} - {each.key for each in state.registrations}
        return self._random.choice(sorted(unknown))

    def _kind(self, state: State) -> int:
        if self._once_in(20):
            return self._random.randrange(256)
        if state.reservation is not None and self._once_in(2):
            return state.reservation.type
        return self._random.choice(list(ReservationType))

    def _controlled(self, cdb: bytes) -> bytes:
        return with_naca(cdb) if self._once_in(60) else cdb

    def _basic_list(self, action: int, key: int, new: int) -> bytes:
        flags = APTPL if self._once_in(5) else 0
        flags |= ALL_TG_PT if self._once_in(25) else 0
        flags |= 0xF2 if self._once_in(30) else 0  # reserved bits
        additional = b""
        if self._once_in(10 if action == OutAction.REGISTER else 80):
            flags |= SPEC_I_PT
            additional = self._transport_ids()
        return keys(key, new, flags) + additional

    def _transport_ids(self) -> bytes:
        ids = self._random.sample([self._transport_id(each) for each in self._nexuses], self._random.randrange(3))
        if self._once_in(6):
            ids.append(self._random.choice((STRANGER.to_bytes(), FibreChannelPort(1).to_bytes())))
        data = b"".join(ids)
        length = len(data) + (self._random.choice((-24, -1, 1, 24)) if self._once_in(10) else 0)
        return struct.pack(">I", max(0, length)) + data

    def _transport_id(self, nexus: Nexus) -> bytes:
        """Now and then with a format code that SAS does not have."""
        data = nexus.transport_id.to_bytes()
        return bytes([data[0] | 0x40]) + data[1:] if self._once_in(15) else data

    def _move_list(self, key: int, new: int) -> bytes:
        heir = self._random.choice(self._nexuses)
        data = self._transport_id(heir)
        if self._once_in(10):
            data = self._random.choice((STRANGER.to_bytes(), FibreChannelPort(1).to_bytes()))
        port = self._random.choice((0, 1, 2, 3, 4, 0xFFFF)) if self._once_in(6) else heir.relative_port
        flags = self._random.randrange(4)
        length = len(data) + (self._random.choice((-4, 4, 1 << 20)) if self._once_in(15) else 0)
        return struct.pack(">QQxBHI", key, new, flags, port, length) + data

    def _wrong_length(self, parameters: bytes) -> bytes:
        size = self._random.choice((0, 1, 23, len(parameters) - 1, len(parameters) + 1, len(parameters) + 24))
        return parameters[:size].ljust(size, b"\0")

    def _once_in(self, times: int) -> bool:
        return self._random.randrange(times) == 0
