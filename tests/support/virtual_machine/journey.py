"""A guest on its way from host to host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..nexus import Nexus
from ..spc import GOOD
from .machine import Disk, Program, VirtualMachine

WRITE_A_BLOCK, BLOCK = bytes.fromhex("2A000000000000000100"), bytes(512)
TEST_UNIT_READY = bytes(6)


class Journey:
    """One guest, which is `here`. What was left behind, and those that it could not go to, are killed at the end."""

    def __init__(self, program: Program, scratch: Path) -> None:
        self._program = program
        self._logs = scratch / "logs"
        self._logs.mkdir()
        self._all: list[VirtualMachine] = []

    def start(self, *disks: Disk, **options: Any) -> Nexus:
        """Start the guest: its own view of its first disk, wherever it is."""
        self.here = self._new(disks, incoming=False, **options)
        for number in range(len(disks)):
            while self.here.execute(TEST_UNIT_READY, disk=number).status != GOOD:
                pass  # a unit attention, since the adapter was reset
        return self.view()

    def view(self, disk: int = 0) -> Nexus:
        return Nexus(lambda cdb, data, allocation: self.here.execute(cdb, data, allocation, disk))

    def go(self, *disks: Disk, meanwhile: Callable[[], object] = lambda: None, **options: Any) -> VirtualMachine | None:
        """Migrate to a host with these disks; if that fails, where it did not get to: it ends in that case.

        meanwhile: what happens before the migration, when the destination waits for it.
        """
        there = self.prepare(*disks, **options)
        meanwhile()
        if not self.here.migrate_to(there):
            return there
        assert there.migrated()
        self.here.kill()
        self.here = there
        return None

    def prepare(self, *disks: Disk, **options: Any) -> VirtualMachine:
        """Where the guest may migrate to."""
        return self._new(disks, incoming=True, **options)

    def write(self, disk: int = 0) -> int:
        """Let the guest write a block: the status."""
        return self.here.execute(WRITE_A_BLOCK, BLOCK, disk=disk).status

    def _new(self, disks: Sequence[Disk], **options: Any) -> VirtualMachine:
        new = VirtualMachine(self._program, disks, self._logs / f"{len(self._all)}.log", **options)
        self._all.append(new)
        new.get_ready()
        return new

    def end(self) -> None:
        for machine in self._all:
            machine.kill()
