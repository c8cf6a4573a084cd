"""Unit attentions that a device reports to QEMU's own reading are not the guest's to see; all others are."""

import pytest

from prhelper.channel import run
from prhelper.device.dispatch import Devices
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status

from ...support.spc import (
    CHECK_CONDITION,
    GOOD,
    INVALID_FIELD_IN_CDB,
    REGISTRATIONS_PREEMPTED,
    Codes,
    In,
    Out,
    fixed_sense,
    keys,
    reserve_in,
    reserve_out,
)

FROM_DEVICE = Result(Outcome(Status.GOOD, data=b"device"))


class Attentive:
    """A device that answers so many times with sense data, then well."""

    def __init__(self, times: int, codes: Codes) -> None:
        self.commands = 0
        self._times = times
        self._failure = Result(Outcome(Status(CHECK_CONDITION), sense=fixed_sense(codes)))

    async def execute(self, command: Command, target: Target) -> Result:  # noqa: ARG002
        self.commands += 1
        return self._failure if self.commands <= self._times else FROM_DEVICE


def send(device: Attentive, command: Command) -> int:
    with open("/dev/null", "r+b") as file:  # noqa: PTH123
        result = run(Devices(device, "off").execute(command, Target.of(file.fileno())))
    return int(result.outcome.status)


OF_QEMU = [Command(reserve_in(In.READ_RESERVATION, 24)), Command(reserve_in(In.READ_KEYS, 136))]
OF_A_GUEST = [
    *(Command(reserve_in(action)) for action in In),
    Command(reserve_in(In.READ_RESERVATION, 136)),
    Command(reserve_in(In.READ_KEYS, 24)),
    *(Command(reserve_out(action), keys(1, 2)) for action in Out),
]


@pytest.mark.parametrize("command", OF_QEMU)
@pytest.mark.parametrize("times", [0, 1, 5])
def test_what_qemu_reads_of_its_own_accord_is_asked_again_after_a_unit_attention(command: Command, times: int) -> None:
    device = Attentive(times, REGISTRATIONS_PREEMPTED)
    assert send(device, command) == GOOD
    assert device.commands == times + 1


@pytest.mark.parametrize("command", OF_QEMU)
def test_unit_attentions_without_end_are_passed_on(command: Command) -> None:
    device = Attentive(100, REGISTRATIONS_PREEMPTED)
    assert send(device, command) == CHECK_CONDITION
    assert device.commands == 6


@pytest.mark.parametrize("command", OF_QEMU)
def test_other_sense_data_are_passed_on_at_once(command: Command) -> None:
    device = Attentive(1, INVALID_FIELD_IN_CDB)
    assert send(device, command) == CHECK_CONDITION
    assert device.commands == 1


@pytest.mark.parametrize("command", OF_A_GUEST, ids=str)
def test_a_guest_s_own_command_meets_its_unit_attention(command: Command) -> None:
    device = Attentive(1, REGISTRATIONS_PREEMPTED)
    assert send(device, command) == CHECK_CONDITION
    assert device.commands == 1
