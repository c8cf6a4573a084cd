"""Whether an answer is the command's, or the path is to blame."""

import pytest

from prhelper.device.multipath.rules.answers import is_of_the_path, is_unit_attention, tells_of_reset
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.sense import Sense
from prhelper.scsi.status import Status

ATTENTION = check_condition(sense.RESET_OCCURRED)


@pytest.mark.parametrize(
    ("outcome", "is_attention", "is_path"),
    [
        (Outcome(Status.GOOD), False, False),
        (Outcome(Status.GOOD, ATTENTION.sense), False, False),  # left over from another command
        (Outcome(Status.RESERVATION_CONFLICT, ATTENTION.sense), False, False),
        (Outcome(Status.CHECK_CONDITION), False, False),  # without sense data nothing is known
        (ATTENTION, True, True),
        (Outcome(Status.BUSY), False, True),
        (Outcome(Status.TASK_SET_FULL), False, True),
        (Outcome(Status.TASK_ABORTED), False, True),
        (Outcome(Status.ACA_ACTIVE), False, True),
        (check_condition(Sense(0x02, 0x04, 0x0C)), False, True),
        (check_condition(Sense(0x0B, 0x00, 0x06)), False, True),
        (check_condition(sense.TARGET_FAILURE), False, True),
        (check_condition(Sense(0x05, 0x25, 0x00)), False, True),
        (check_condition(sense.INVALID_FIELD_IN_PARAMETER_LIST), False, False),
        (check_condition(sense.INSUFFICIENT_REGISTRATION_RESOURCES), False, False),
    ],
)
def test_what_an_answer_says_of_the_path(outcome: Outcome, is_attention: bool, is_path: bool) -> None:
    assert (is_unit_attention(outcome), is_of_the_path(outcome)) == (is_attention, is_path)


@pytest.mark.parametrize(
    ("outcome", "is_reset"),
    [
        (ATTENTION, True),
        (check_condition(Sense(0x06, 0x29, 0x07)), True),
        (check_condition(sense.REGISTRATIONS_PREEMPTED), False),
        (Outcome(Status.GOOD, ATTENTION.sense), False),
        (Outcome(Status.CHECK_CONDITION), False),
    ],
)
def test_what_tells_of_a_reset(outcome: Outcome, is_reset: bool) -> None:
    assert tells_of_reset(outcome) is is_reset
