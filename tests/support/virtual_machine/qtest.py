"""A virtual machine's hardware in the hands of a test: QEMU's qtest protocol in place of a processor, and PCI by it."""

from __future__ import annotations

import socket

CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC
ENABLE = 1 << 31

COMMAND, BAR0 = 0x04, 0x10
IO_SPACE, BUS_MASTER = 1, 4

SLOTS = 32


class Qtest:
    """One machine's bus. Each call is answered once QEMU has done it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile("r")

    def _ask(self, *words: str) -> list[str]:
        self._connection.sendall(" ".join(words).encode() + b"\n")
        answer = self._answers.readline().split()
        if not answer:
            raise EOFError("QEMU ended")
        assert answer[0] == "OK", (words, answer)
        return answer[1:]

    def put(self, port: int, value: int, size: int) -> None:
        """Write to an I/O port: 1, 2 or 4 bytes."""
        self._ask(f"out{'xbwxl'[size]}", hex(port), hex(value))

    def get(self, port: int, size: int) -> int:
        """Read an I/O port."""
        return int(self._ask(f"in{'xbwxl'[size]}", hex(port))[0], 16)

    def write(self, address: int, data: bytes) -> None:
        """Write to memory."""
        if data:
            self._ask("write", hex(address), hex(len(data)), f"0x{data.hex()}")

    def read(self, address: int, size: int) -> bytes:
        """Read memory."""
        return bytes.fromhex(self._ask("read", hex(address), hex(size))[0][2:]) if size else b""

    def close(self) -> None:
        self._answers.close()
        self._connection.close()


class PciDevice:
    """A device on the PCI bus of a "pc" machine, found by its vendor and kind."""

    def __init__(self, bus: Qtest, vendor: int, device: int) -> None:
        self._bus = bus
        self._slot = next(slot for slot in range(SLOTS) if config(bus, slot, 0) == device << 16 | vendor)

    def enable(self, ports: int) -> None:
        """Give it I/O ports from `ports` on, as firmware would, and let it use memory."""
        select(self._bus, self._slot, BAR0)
        self._bus.put(CONFIG_DATA, ports, 4)
        select(self._bus, self._slot, COMMAND)
        self._bus.put(CONFIG_DATA, IO_SPACE | BUS_MASTER, 2)


def config(bus: Qtest, slot: int, register: int) -> int:
    """Read four bytes of a device's configuration space."""
    select(bus, slot, register)
    return bus.get(CONFIG_DATA, 4)


def select(bus: Qtest, slot: int, register: int) -> None:
    bus.put(CONFIG_ADDRESS, ENABLE | slot << 11 | register, 4)
