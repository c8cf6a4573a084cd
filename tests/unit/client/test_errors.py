"""What the device answers, as exceptions that say it in words."""

from pathlib import Path

import pytest

from prhelper.client import (
    Busy,
    CheckCondition,
    ReservationConflict,
    ReservationType,
    ScsiError,
    Sense,
    TaskSetFull,
    UnitAttention,
    connect,
)

from ...support.spc import INVALID_FIELD_IN_CDB, NEXUS_LOSS, RESERVATIONS_PREEMPTED, fixed_sense
from ..channel.contexts import Context
from .scripted import answering, helper, response

WHAT = "PERSISTENT RESERVE OUT RESERVE, EXCLUSIVE ACCESS, LU, key 0xa1, service action key 0x0: "

ANSWERS = [
    (0x18, b"", ReservationConflict, "RESERVATION CONFLICT"),
    (0x08, b"", Busy, "BUSY"),
    (0x08, fixed_sense(RESERVATIONS_PREEMPTED), Busy, "BUSY, 06/2A/03 unit attention, reservations preempted"),
    (0x28, b"", TaskSetFull, "TASK SET FULL"),
    (0x40, b"", ScsiError, "TASK ABORTED"),
    (0x77, b"", ScsiError, "status 0x77"),
    (0x02, b"", CheckCondition, "CHECK CONDITION"),
    (
        0x02,
        fixed_sense(INVALID_FIELD_IN_CDB),
        CheckCondition,
        "CHECK CONDITION, 05/24/00 illegal request, invalid field in CDB",
    ),
    (
        0x02,
        fixed_sense(NEXUS_LOSS),
        CheckCondition,
        "CHECK CONDITION, 0B/29/07 aborted command, I_T nexus loss occurred",
    ),
    (
        0x02,
        fixed_sense(RESERVATIONS_PREEMPTED),
        UnitAttention,
        "CHECK CONDITION, 06/2A/03 unit attention, reservations preempted",
    ),
]


@pytest.mark.parametrize(("status", "sense", "kind", "words"), ANSWERS)
def test_an_answer_that_is_not_good_is_an_exception_that_names_status_and_sense(
    path: Path, disk: int, runtime: Context, status: int, sense: bytes, kind: type[ScsiError], words: str
) -> None:
    async def body() -> None:
        with await connect(path) as client:
            with pytest.raises(ScsiError) as raised:
                await client.reserve(disk, param_rk=0xA1, prout_type=ReservationType.EXCLUSIVE_ACCESS)
            error = raised.value
            assert type(error) is kind
            assert str(error) == WHAT + words
            assert (error.status, error.sense) == (status, Sense.parse(sense))
            with pytest.raises(kind):  # over the same connection
                await client.read_keys(disk)

    with helper(path, answering(*[response(status, sense=sense)] * 2)) as there:
        runtime.run(body)
        assert there.connections == 1
