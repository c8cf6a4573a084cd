"""An initiator's view of a unit: its commands by name, and parameter data read. Any way to send a command will do."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .client import Client
from .spc import APTPL, EXCLUSIVE_ACCESS, GOOD, UNREG, In, Out, keys, move_list, reserve_in, reserve_out


class Result(Protocol):
    """What any way to send a command answers."""

    @property
    def status(self) -> int: ...
    @property
    def sense(self) -> bytes: ...
    @property
    def payload(self) -> bytes: ...


# A CDB of 16 bytes, parameter data to send, allocation length.
Execute = Callable[[bytes, bytes, int], Result]


def over(client: Client, fd: int) -> Execute:
    """Send commands for the disk `fd` over a connection to the helper."""
    return lambda cdb, data, _allocation: client.command(fd, cdb, data)


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
    """One initiator; `execute` sends its commands."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    def read(self, action: int, allocation: int = 8192) -> Result:
        return self._execute(reserve_in(action, allocation), b"", allocation)

    def write(self, action: int, key: int = 0, new: int = 0, kind: int = 0, flags: int = 0) -> Result:
        """Send a PERSISTENT RESERVE OUT with the basic parameter list; `flags` is its byte 20."""
        return self.write_raw(action, kind, keys(key, new, flags))

    def write_raw(self, action: int, kind: int, parameters: bytes) -> Result:
        return self._execute(reserve_out(action, kind, len(parameters)), parameters, 0)

    def move(self, key: int, new: int, transport_id: bytes, port: int = 1, unregister: bool = False) -> Result:
        """REGISTER AND MOVE to another initiator, seen through the target port with that relative identifier."""
        flags = UNREG if unregister else 0
        return self.write_raw(Out.REGISTER_AND_MOVE, 0, move_list(key, new, transport_id, port, flags))

    # What a cluster does most; the answer is the status.

    def register(self, new: int, key: int = 0, *, aptpl: bool = False) -> int:
        return self.write(Out.REGISTER, key, new, flags=APTPL if aptpl else 0).status

    def reserve(self, key: int, kind: int = EXCLUSIVE_ACCESS) -> int:
        return self.write(Out.RESERVE, key, kind=kind).status

    def release(self, key: int, kind: int = EXCLUSIVE_ACCESS) -> int:
        return self.write(Out.RELEASE, key, kind=kind).status

    def clear(self, key: int) -> int:
        return self.write(Out.CLEAR, key).status

    def preempt(self, key: int, other: int, kind: int = EXCLUSIVE_ACCESS) -> int:
        return self.write(Out.PREEMPT, key, other, kind).status

    # What there is, for everybody to read.

    def generation(self) -> int:
        (generation,) = struct.unpack_from(">I", self.good(In.READ_KEYS))
        return int(generation)

    def keys(self) -> list[int]:
        return keys_in(self.good(In.READ_KEYS))

    def reservation(self) -> Holder | None:
        data = self.good(In.READ_RESERVATION)
        (size,) = struct.unpack_from(">I", data, 4)
        if not size:
            return None
        key, kind = struct.unpack_from(">Q5xB", data, 8)
        return Holder(key, kind)

    def holder(self) -> int | None:
        """The key of the reservation's holder; None if there is no reservation."""
        reservation = self.reservation()
        return None if reservation is None else reservation.key

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
        """The data of a command that must be GOOD."""
        answer = self.read(action)
        assert answer.status == GOOD, f"{action.name}: {answer}"
        return answer.payload


def keys_in(data: bytes) -> list[int]:
    """What READ KEYS has returned."""
    (size,) = struct.unpack_from(">I", data, 4)
    return [key for (key,) in struct.iter_unpack(">Q", data[8 : 8 + size])]
