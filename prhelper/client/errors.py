"""What can go wrong: with the helper (`HelperError`), or with the command, as the device tells it (`ScsiError`)."""

# The classes have the standard's names, or say what has happened: none ends in Error only to please a rule.
# ruff: noqa: N818

from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from ..scsi.sense import UNIT_ATTENTION, Sense
from ..scsi.status import Status, status_name


class HelperError(Exception):
    """The command has no answer. The cause is what happened to the connection."""


class Unreachable(HelperError):
    """There is no helper at the socket, or it turned this client away. The command was not sent."""


class AnswerLost(HelperError):
    """The connection failed after the command was sent, so that nothing is known of how it ended.

    A PERSISTENT RESERVE OUT may have been carried out: read keys and reservation before sending it again. It has not
    been sent a second time.

    command: what was sent.
    """

    def __init__(self, command: Command, reason: str) -> None:
        may_be_done = "; it may have been carried out" if command.is_out else ""
        super().__init__(f"the answer to {command} is lost: {reason}{may_be_done}")
        self.command = command


class ScsiError(Exception):
    """The device, or the helper in its place, answered with another status than GOOD.

    command: what it was answering.
    outcome: status and sense data as they came.
    sense: the sense data; None where there is none that can be read.
    """

    def __init__(self, command: Command, outcome: Outcome) -> None:
        self.command = command
        self.outcome = outcome
        self.sense = Sense.parse(outcome.sense)
        how = status_name(outcome.status) + (f", {self.sense}" if self.sense else "")
        super().__init__(f"{command}: {how}")

    @property
    def status(self) -> int:
        """A `Status`, or a number that SAM-5 has no name for."""
        return self.outcome.status


class ReservationConflict(ScsiError):
    """Another initiator's reservation forbids it, or this initiator is not registered with that key."""


class CheckCondition(ScsiError):
    """`sense` says why."""


class UnitAttention(CheckCondition):
    """Something has changed since the last command, as `sense` says. This one was not carried out: send it again."""


class Busy(ScsiError):
    """The device cannot take it now."""


class TaskSetFull(ScsiError):
    """The device, or the helper, has no room for another command now."""


_BY_STATUS: dict[int, type[ScsiError]] = {
    Status.CHECK_CONDITION: CheckCondition,
    Status.RESERVATION_CONFLICT: ReservationConflict,
    Status.BUSY: Busy,
    Status.TASK_SET_FULL: TaskSetFull,
}


def require_good(command: Command, outcome: Outcome) -> None:
    """Raise the ScsiError that the status of an answer stands for, unless it is GOOD."""
    if outcome.status == Status.GOOD:
        return
    error = _BY_STATUS.get(outcome.status, ScsiError)
    sense = Sense.parse(outcome.sense)
    if error is CheckCondition and sense is not None and sense.key == UNIT_ATTENTION:
        error = UnitAttention
    raise error(command, outcome)
