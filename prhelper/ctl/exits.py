"""Exit statuses.

What a disk answered has sg_persist's number (sg3_utils(8)), what went wrong before that one of sysexits.h.
"""

import enum

from ..client import AnswerLost, ParameterDataError, ScsiError, Status, Unreachable
from ..scsi.sense import INVALID_OPCODE, UNIT_ATTENTION


class Exit(enum.IntEnum):
    """How a command ended. `check` has three of its own: 0 to 2, by the worst that it found."""

    GOOD = 0
    NOT_READY = 2
    MEDIUM_OR_HARDWARE_ERROR = 3
    ILLEGAL_REQUEST = 5
    UNIT_ATTENTION = 6
    DATA_PROTECT = 7
    INVALID_OPCODE = 9
    ABORTED_COMMAND = 11
    RESERVATION_CONFLICT = 24
    BUSY = 26
    TASK_SET_FULL = 27
    USAGE = 64
    NO_DISK = 66
    UNREACHABLE = 69
    BUG = 70
    NO_OUTPUT = 74
    ANSWER_LOST = 75
    REFUSED = 77
    MALFORMED = 97
    OTHER_SENSE = 98
    OTHER = 99


OF_THE_DISK = frozenset(
    {Exit.NOT_READY, Exit.MEDIUM_OR_HARDWARE_ERROR, Exit.DATA_PROTECT, Exit.INVALID_OPCODE, Exit.ABORTED_COMMAND}
)
"""Those of which the disk, or the way to it, is the cause, rather than the command."""


class ToolError(Exception):
    """What was asked for cannot be done; the text says why, and the remedy."""

    def __init__(self, status: Exit, text: str) -> None:
        super().__init__(text)
        self.status = status


_BY_STATUS: dict[int, Exit] = {
    Status.RESERVATION_CONFLICT: Exit.RESERVATION_CONFLICT,
    Status.BUSY: Exit.BUSY,
    Status.TASK_SET_FULL: Exit.TASK_SET_FULL,
}
_BY_SENSE_KEY = {
    0x2: Exit.NOT_READY,
    0x3: Exit.MEDIUM_OR_HARDWARE_ERROR,
    0x4: Exit.MEDIUM_OR_HARDWARE_ERROR,
    0x5: Exit.ILLEGAL_REQUEST,
    UNIT_ATTENTION: Exit.UNIT_ATTENTION,
    0x7: Exit.DATA_PROTECT,
    0xB: Exit.ABORTED_COMMAND,
}


def exit_status(error: Exception) -> Exit | None:
    """The exit status that an error stands for; None if it is a fault of this program."""
    if isinstance(error, ToolError):
        return error.status
    if isinstance(error, ScsiError):
        return _of_answer(error)
    if isinstance(error, Unreachable):
        return Exit.UNREACHABLE
    if isinstance(error, AnswerLost):
        return Exit.ANSWER_LOST
    return Exit.MALFORMED if isinstance(error, ParameterDataError) else None


def _of_answer(error: ScsiError) -> Exit:
    if error.status == Status.CHECK_CONDITION:
        if error.sense == INVALID_OPCODE:
            return Exit.INVALID_OPCODE
        return _BY_SENSE_KEY.get(error.sense.key, Exit.OTHER_SENSE) if error.sense else Exit.OTHER_SENSE
    return _BY_STATUS.get(error.status, Exit.OTHER)
