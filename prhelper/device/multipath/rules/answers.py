"""What the answer of a path means to a sequence."""

from collections.abc import Mapping

from ....scsi import sense
from ....scsi.outcome import Outcome, check_condition
from ....scsi.sense import UNIT_ATTENTION, Sense
from ....scsi.status import Status
from .steps import Path

_OF_THE_PATH = (0x02, 0x04, 0x0B)  # NOT READY, HARDWARE ERROR, ABORTED COMMAND
_RESET = 0x29
_LUN_NOT_SUPPORTED = (0x05, 0x25)
_TRY_LATER = (Status.BUSY, Status.TASK_SET_FULL, Status.ACA_ACTIVE, Status.TASK_ABORTED)

GOOD = Outcome(Status.GOOD)
CONFLICT = Outcome(Status.RESERVATION_CONFLICT)
NO_PATH = check_condition(sense.LUN_COMM_FAILURE)
"""No path is left, or it cannot be told what one did that has gone away. Initiators try again."""


def is_good(outcome: Outcome) -> bool:
    """Whether it is GOOD."""
    return outcome.status == Status.GOOD


def is_conflict(outcome: Outcome) -> bool:
    """Whether it is RESERVATION CONFLICT."""
    return outcome.status == Status.RESERVATION_CONFLICT


def good(outcomes: Mapping[Path, Outcome]) -> list[Path]:
    """The paths that answered GOOD."""
    return [path for path, outcome in outcomes.items() if is_good(outcome)]


def conflicting(outcomes: Mapping[Path, Outcome]) -> list[Path]:
    """The paths that answered RESERVATION CONFLICT."""
    return [path for path, outcome in outcomes.items() if is_conflict(outcome)]


def refusal(outcomes: Mapping[Path, Outcome]) -> Outcome | None:
    """An answer that is neither: the unit's, and final."""
    for outcome in outcomes.values():
        if not is_good(outcome) and not is_conflict(outcome):
            return outcome
    return None


def is_unit_attention(outcome: Outcome) -> bool:
    """Whether the path reports a unit attention, and has not carried the command out."""
    found = Sense.parse(outcome.sense)
    return outcome.status == Status.CHECK_CONDITION and found is not None and found.key == UNIT_ATTENTION


def tells_of_reset(outcome: Outcome) -> bool:
    """Whether the path reports by a unit attention that the unit was reset, or has lost power."""
    found = Sense.parse(outcome.sense)
    return is_unit_attention(outcome) and found is not None and found.asc == _RESET


def is_of_the_path(outcome: Outcome) -> bool:
    """Whether the path is to blame, and not the command: another may do."""
    if outcome.status in _TRY_LATER:
        return True
    if outcome.status != Status.CHECK_CONDITION or (found := Sense.parse(outcome.sense)) is None:
        return False
    if found.key == UNIT_ATTENTION or found.key in _OF_THE_PATH:
        return True
    return (found.key, found.asc) == _LUN_NOT_SUPPORTED
