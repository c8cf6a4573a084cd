"""A node of a cluster, as far as reservations go: a connection, a disk, and the commands by name."""

import struct
from dataclasses import dataclass

from ...support.client import Client, Reply, keys, reserve_in, reserve_out

GOOD, CHECK_CONDITION, CONFLICT = 0x00, 0x02, 0x18

IO_TERMINATED = (0x0B, 0x00, 0x06)
INVALID_OPCODE = (0x05, 0x20, 0x00)
TARGET_FAILURE = (0x04, 0x44, 0x00)
RESERVATIONS_PREEMPTED = (0x06, 0x2A, 0x03)
REGISTRATIONS_PREEMPTED = (0x06, 0x2A, 0x05)

APTPL = 0x01

EXCLUSIVE_ACCESS = 3


@dataclass(frozen=True)
class Node:
    """Sends commands for the disk `fd` over a connection of its own."""

    client: Client
    fd: int

    def begin(self, action: int, key: int = 0, new: int = 0, flags: int = 0) -> None:
        """Send PERSISTENT RESERVE OUT and do not wait for the reply."""
        self.client.send(reserve_out(action, EXCLUSIVE_ACCESS), [self.fd])
        self.client.send(keys(key, new, flags))

    def out(self, action: int, key: int = 0, new: int = 0, flags: int = 0) -> Reply:
        self.begin(action, key, new, flags)
        return self.client.reply()

    def register(self, new: int, key: int = 0, *, aptpl: bool = False) -> int:
        return self.out(0, key, new, flags=APTPL if aptpl else 0).status

    def reserve(self, key: int) -> int:
        return self.out(1, key).status

    def release(self, key: int) -> int:
        return self.out(2, key).status

    def clear(self, key: int) -> int:
        return self.out(3, key).status

    def preempt(self, key: int, other: int) -> int:
        return self.out(4, key, other).status

    def begin_read(self, action: int) -> None:
        """Send PERSISTENT RESERVE IN and do not wait for the reply."""
        self.client.send(reserve_in(action), [self.fd])

    def read(self, action: int) -> Reply:
        self.begin_read(action)
        return self.client.reply()

    def keys(self) -> list[int]:
        """READ KEYS: every registered key."""
        return [key for (key,) in struct.iter_unpack(">Q", self._payload(0))]

    def holder(self) -> int | None:
        """READ RESERVATION: the key of the holder; None if nobody holds."""
        payload = self._payload(1)
        return int.from_bytes(payload[:8]) if payload else None

    def _payload(self, action: int) -> bytes:
        reply = self.read(action)
        assert reply.status == GOOD, reply.sense_codes
        (length,) = struct.unpack_from(">4xI", reply.payload)
        return reply.payload[8 : 8 + length]
