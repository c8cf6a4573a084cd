"""Random commands to LIO in the kernel and to the emulated unit: the same status, sense, data and PRGENERATION.

LIO is foretold by the emulated unit's rules and the table of departures. A departure that is not met any more, by a
newer kernel perhaps, is to be struck from the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from prhelper.device.emulated import state as emulated
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, InAction
from prhelper.scsi.transport_id import SasPort
from tests.support.spc import CHECK_CONDITION, GOOD, Out, reserve_in, sense_code

from .. import lio
from ..initiators import forget_everything, opened, settle, straight
from ..sg_io import Answer, sg_io
from .lio_model.departures import DEPARTURES, IGNORED_FIELDS
from .lio_model.unit import Lio
from .random_commands import Commands

NEXUSES = [
    emulated.Nexus(name, SasPort(int(lio.initiator(number), 16)), number + 1) for number, name in enumerate("ABC")
]
SEEDS = range(10)
LENGTH = 500

MET: Counter[str] = Counter()


class Unit:
    """LIO's unit through its three nexuses."""

    def __init__(self, devices: list[Path], stack: ExitStack) -> None:
        self._devices = devices
        self._fds = {nexus: opened(device, stack) for nexus, device in zip(NEXUSES, devices, strict=True)}
        self._direct = [straight(device, stack) for device in devices]
        forget_everything(devices)
        # The older LIO refuses the type; the other one ignores it, and finds nobody registered.
        self.older = self._direct[0].write(Out.PREEMPT).status == CHECK_CONDITION

    def send(self, nexus: emulated.Nexus, command: Command) -> Answer:
        allocation = 0 if command.is_out else command.length
        return sg_io(self._fds[nexus], command.cdb[:10], command.parameter_list, allocation)

    def begin_anew(self) -> Lio:
        """Clear whatever is registered; LIO goes on counting its generations."""
        for nexus in self._direct:
            settle(self._devices)
            registered_keys = nexus.keys()
            for key in set(registered_keys):  # one of them, perhaps, the nexus's own
                nexus.write(Out.CLEAR, key=key)
        forget_everything(self._devices)
        return Lio(NEXUSES, self._direct[0].generation(), MET, self.older)


@pytest.fixture
def unit(lio_devices: list[Path], stack: ExitStack) -> Iterator[Unit]:
    """The unit, while the kernel keeps to itself what it thinks of our commands: a line each on a slow console."""
    printk = Path("/proc/sys/kernel/printk")
    before = printk.read_text()
    printk.write_text("1")
    unit = Unit(lio_devices, stack)
    yield unit
    unit.begin_anew()
    printk.write_text(before)


def told(outcome: Outcome | Answer, data: bytes) -> tuple[int, tuple[int, int, int] | None, str]:
    """What counts of an answer. Data counts if it is GOOD, sense if it is CHECK CONDITION."""
    sense = sense_code(outcome.sense) if outcome.status == CHECK_CONDITION else None
    return outcome.status, sense, data.hex() if outcome.status == GOOD else ""


def exchange(unit: Unit, foretold: Lio, nexus: emulated.Nexus, command: Command, where: str) -> None:
    before = foretold.state
    expected = foretold.command(nexus, command)
    answer = unit.send(nexus, command)
    assert told(answer, answer.payload) == told(expected, expected.data), (
        f"{where}: {nexus.name} sends {command} ({command.cdb.hex()} {command.parameter_list.hex()}) at {before}"
    )


def compare(unit: Unit, seed: int, length: int) -> None:
    """Send so many commands, and have a look at everything after each, through a nexus that has no attention due."""
    commands, foretold = Commands(seed, NEXUSES), unit.begin_anew()
    for number in range(length):
        nexus, command = commands.next(foretold.state)
        exchange(unit, foretold, nexus, command, f"seed {seed}, command {number}")
        calm = [each for each in NEXUSES if foretold.state.take_attention(each)[1] is None]
        for action in InAction if calm and command.is_out else ():
            exchange(unit, foretold, calm[0], Command(reserve_in(action)), f"seed {seed}, after command {number}")
        if foretold.over:
            foretold = unit.begin_anew()


@pytest.mark.parametrize("seed", SEEDS)
def test_lio_and_the_emulated_unit_answer_the_same(unit: Unit, seed: int) -> None:
    print(f"seed {seed}: {LENGTH} commands")
    compare(unit, seed, LENGTH)


@pytest.mark.timeout(300)  # as many sequences as it takes; 30 s alone, minutes on a busy machine
def test_every_departure_is_met(unit: Unit) -> None:
    departures = DEPARTURES.keys() - ({IGNORED_FIELDS} if not unit.older else ())
    for seed in count(1000):
        if not departures - MET.keys():
            break
        assert seed < 1060, f"not met any more: {sorted(departures - MET.keys())}"
        compare(unit, seed, 100)
    print(MET)
    assert MET.keys() == departures
