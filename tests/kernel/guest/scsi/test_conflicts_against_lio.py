"""Commands other than those for reservations: LIO and the emulated unit's `conflicts` refuse the same ones."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from prhelper.device.emulated.rules import conflicts
from prhelper.device.emulated.state import Nexus, State, reservation_of
from prhelper.scsi.reservation import ReservationType
from prhelper.scsi.transport_id import SasPort

from .. import lio
from ..initiators import opened, straight
from ..persistent import GOOD, RESERVATION_CONFLICT, Out
from ..sg_io import sg_io

# CDB, bytes to read, bytes to write.
COMMANDS: dict[str, tuple[str, int, int]] = {
    "TEST UNIT READY": ("00 00 00 00 00 00", 0, 0),
    "REQUEST SENSE": ("03 00 00 00 12 00", 18, 0),
    "READ(6)": ("08 00 00 00 01 00", 512, 0),
    "WRITE(6)": ("0a 00 00 00 01 00", 0, 512),
    "INQUIRY": ("12 00 00 00 24 00", 36, 0),
    "RESERVE(6)": ("16 00 00 00 00 00", 0, 0),
    "RELEASE(6)": ("17 00 00 00 00 00", 0, 0),
    "MODE SENSE(6)": ("1a 00 3f 00 c0 00", 192, 0),
    "READ CAPACITY(10)": ("25 00 00 00 00 00 00 00 00 00", 8, 0),
    "READ(10)": ("28 00 00 00 00 00 00 00 01 00", 512, 0),
    "WRITE(10)": ("2a 00 00 00 00 00 00 00 01 00", 0, 512),
    "VERIFY(10)": ("2f 00 00 00 00 00 00 00 01 00", 0, 0),
    "SYNCHRONIZE CACHE(10)": ("35 00 00 00 00 00 00 00 01 00", 0, 0),
    "MODE SENSE(10)": ("5a 00 3f 00 00 00 00 00 c0 00", 192, 0),
    "READ(16)": ("88 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 512, 0),
    "WRITE(16)": ("8a 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 0, 512),
    "WRITE SAME(16)": ("93 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00", 0, 512),
    "READ CAPACITY(16)": ("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 32, 0),
    "REPORT LUNS": ("a0 00 00 00 00 00 00 00 00 10 00 00", 16, 0),
    "REPORT TARGET PORT GROUPS": ("a3 0a 00 00 00 00 00 00 00 80 00 00", 128, 0),
    "READ(12)": ("a8 00 00 00 00 00 00 00 00 01 00 00", 512, 0),
    "WRITE(12)": ("aa 00 00 00 00 00 00 00 00 01 00 00", 0, 512),
}

WRITE_EXCLUSIVE = (1, 5, 7)


class Departure(NamedTuple):
    """LIO allows where the standard has a conflict, or the other way round.

    until: the Linux version that has come round to the standard, if one has.
    """

    commands: tuple[str, ...]
    nexuses: str
    kinds: tuple[int, ...]
    clause: str
    until: tuple[int, int] | None = None

    def is_met(self) -> bool:
        release = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
        return self.until is None or release < self.until


READ_CAPACITY = "SBC-4, 4.17: always allowed; LIO goes by the transfer"

DEPARTURES = [
    Departure(("READ CAPACITY(10)",), "BC", (3,), READ_CAPACITY, until=(6, 12)),
    Departure(("READ CAPACITY(10)",), "C", (6, 8), READ_CAPACITY, until=(6, 12)),
    Departure(("READ CAPACITY(16)",), "BC", (3,), READ_CAPACITY),
    Departure(("READ CAPACITY(16)",), "C", (6, 8), READ_CAPACITY),
    Departure(("MODE SENSE(6)", "MODE SENSE(10)"), "B", (3,), "SPC-4, table 65: registered is not holding"),
    Departure(("VERIFY(10)",), "B", (1,), "SBC-4, 4.17: allowed; LIO wants data from the device for that"),
    Departure(
        ("SYNCHRONIZE CACHE(10)",), "C", WRITE_EXCLUSIVE, "SBC-4, 4.17: conflicts; LIO takes it for one that reads"
    ),
    Departure(("RESERVE(6)", "RELEASE(6)"), "B", (5, 6, 7, 8), "SPC-4, 5.13.3 b): those who share get GOOD"),
]

NEXUSES = A, B, C = [Nexus(name, SasPort(int(lio.initiator(number), 16))) for number, name in enumerate("ABC")]


@pytest.mark.parametrize("kind", ReservationType, ids=lambda kind: kind.name)
def test_the_same_commands_conflict(devices: list[Path], stack: ExitStack, kind: ReservationType) -> None:
    """A holds, B is registered, C is not."""
    state = State(reservation=reservation_of(kind, A)).registered([A], 0xA).registered([B], 0xB)
    first, second, _ = (straight(device, stack) for device in devices)
    assert first.write(Out.REGISTER, new=0xA).status == second.write(Out.REGISTER, new=0xB).status == GOOD
    assert first.write(Out.RESERVE, key=0xA, kind=kind).status == GOOD
    departed = set()
    for nexus, device in zip(NEXUSES, devices, strict=True):
        fd = opened(device, stack)
        for name, (cdb, size, length) in COMMANDS.items():
            answer = sg_io(fd, bytes.fromhex(cdb), bytes(length), size)
            refused = answer.status == RESERVATION_CONFLICT
            assert refused or answer.status == GOOD, f"{name} by {nexus.name}: {answer}"
            if refused != conflicts(state, nexus, bytes.fromhex(cdb)):
                departed.add((name, nexus.name))
    named = {
        (name, nexus)
        for each in DEPARTURES
        if kind in each.kinds and each.is_met()
        for name in each.commands
        for nexus in each.nexuses
    }
    assert departed == named
