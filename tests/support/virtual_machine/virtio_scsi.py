"""The driver of a guest without an operating system: SCSI commands by way of a legacy virtio-scsi adapter.

What it keeps is in the machine's memory, so it goes on after a migration where it was: one request at a time.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .qtest import PciDevice, Qtest

VENDOR, DEVICE = 0x1AF4, 0x1004
PORTS = 0xC000

# Registers of the legacy interface (virtio 1.2, 4.1.4.10), and of its configuration for SCSI (5.6.4).
GUEST_FEATURES, QUEUE, QUEUE_SIZE, SELECT, NOTIFY, STATUS, CONFIGURATION = 4, 8, 12, 14, 16, 18, 20
SENSE_SIZE, CDB_SIZE = CONFIGURATION + 20, CONFIGURATION + 24
ACKNOWLEDGE, DRIVER, DRIVER_OK = 1, 2, 4

REQUESTS = 2
"""The queue; control and event are before it."""

RING, HEADER, ANSWER, BUFFER = 0x100000, 0x110000, 0x111000, 0x112000
PAGE = 4096

NEXT, WRITABLE = 1, 2

CDB_LIMIT, SENSE_LIMIT = 32, 96
ANSWERED = struct.Struct(f"<IIHBB{SENSE_LIMIT}s")
OK = 0


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    status: int
    sense: bytes
    payload: bytes


class Adapter:
    """The adapter of one QEMU. Only the first QEMU of a guest is to `start` it."""

    def __init__(self, bus: Qtest) -> None:
        self._bus = bus

    def start(self) -> None:
        """Reset it, and give it its queue."""
        PciDevice(self._bus, VENDOR, DEVICE).enable(PORTS)
        for status in (0, ACKNOWLEDGE, ACKNOWLEDGE | DRIVER):
            self._bus.put(PORTS + STATUS, status, 1)
        self._bus.put(PORTS + GUEST_FEATURES, 0, 4)
        self._bus.put(PORTS + SELECT, REQUESTS, 2)
        self._bus.put(PORTS + QUEUE, RING // PAGE, 4)
        self._bus.put(PORTS + STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK, 1)
        assert self._bus.get(PORTS + CDB_SIZE, 4) == CDB_LIMIT
        assert self._bus.get(PORTS + SENSE_SIZE, 4) == SENSE_LIMIT

    def execute(self, target: int, cdb: bytes, data: bytes, allocation: int) -> Answer:
        """Send a command to the disk with that SCSI ID."""
        header = struct.pack(f"<4BIQ3B{CDB_LIMIT}s", 1, target, 0x40, 0, 0, 1, 0, 0, 0, cdb)
        parts = [(HEADER, len(header), 0)]
        if data:
            parts.append((BUFFER, len(data), 0))
        parts.append((ANSWER, ANSWERED.size, WRITABLE))
        if allocation:
            parts.append((BUFFER, allocation, WRITABLE))
        self._bus.write(HEADER, header)
        self._bus.write(BUFFER, data)
        self._carry_out(parts)
        length, residual, _, status, response, sense = ANSWERED.unpack(self._bus.read(ANSWER, ANSWERED.size))
        assert response == OK, response
        moved = max(0, allocation - residual)
        return Answer(status, sense[:length], self._bus.read(BUFFER, moved))

    def _carry_out(self, parts: list[tuple[int, int, int]]) -> None:
        """Put one request of these buffers into the queue, and wait for its end."""
        descriptors = [
            struct.pack("<QIHH", address, size, flags | (NEXT if number < len(parts) else 0), number)
            for number, (address, size, flags) in enumerate(parts, start=1)
        ]
        self._bus.put(PORTS + SELECT, REQUESTS, 2)
        entries = self._bus.get(PORTS + QUEUE_SIZE, 2)
        available = RING + 16 * entries
        used = -(-(available + 6 + 2 * entries) // PAGE) * PAGE
        (number,) = struct.unpack("<H", self._bus.read(available + 2, 2))
        self._bus.write(RING, b"".join(descriptors))
        self._bus.write(available + 4 + 2 * (number % entries), bytes(2))
        done = struct.pack("<H", (number + 1) % (1 << 16))
        self._bus.write(available + 2, done)
        self._bus.put(PORTS + NOTIFY, REQUESTS, 2)
        while self._bus.read(used + 2, 2) != done:
            pass
