"""Each way to fail has an exit status, and those of a disk's answer are sg_persist's."""

import pytest

from prhelper.client import (
    AnswerLost,
    Command,
    Outcome,
    ParameterDataError,
    ReservationConflict,
    ScsiError,
    Unreachable,
)
from prhelper.ctl.exits import Exit, ToolError, exit_status

COMMAND = Command(bytes([0x5F]) + bytes(15), bytes(24))
CHECK_CONDITION = 2


def answered(status: int, sense_key: int = 0, asc: int = 0) -> ScsiError:
    sense = bytes([0x70, 0, sense_key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc]) + bytes(83)
    return ScsiError(COMMAND, Outcome(status, sense))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ReservationConflict(COMMAND, Outcome(0x18)), 24),
        (answered(0x08), 26),
        (answered(0x28), 27),
        (answered(CHECK_CONDITION, 2), 2),
        (answered(CHECK_CONDITION, 4), 3),
        (answered(CHECK_CONDITION, 5), 5),
        (answered(CHECK_CONDITION, 5, 0x20), 9),
        (answered(CHECK_CONDITION, 6), 6),
        (answered(CHECK_CONDITION, 7), 7),
        (answered(CHECK_CONDITION, 0xB), 11),
        (answered(CHECK_CONDITION, 0xD), 98),
        (ScsiError(COMMAND, Outcome(CHECK_CONDITION)), 98),
        (answered(0x40), 99),
        (Unreachable("no helper"), 69),
        (AnswerLost(COMMAND, "the helper hung up"), 75),
        (ParameterDataError("rubbish"), 97),
        (ToolError(Exit.REFUSED, "no"), 77),
        (KeyError(), None),
    ],
)
def test_error_has_its_status(error: Exception, status: int | None) -> None:
    assert exit_status(error) == status
