"""Whether others came in between, by PRGENERATION, which counts what changes registrations.

A unit that loses power begins again at 0, so what it counts afterwards proves nothing.
"""

from ....scsi.outcome import Outcome
from ....scsi.reservation import Command, OutAction
from .answers import is_good

REGISTERING = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
PREEMPTING = (OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT)

_COUNTED = (
    *REGISTERING,
    OutAction.REGISTER_AND_MOVE,
    OutAction.CLEAR,
    *PREEMPTING,
)


class Tally:
    """Our own commands since `begin`, to be held against what the unit has counted at the last `look`."""

    def __init__(self) -> None:
        self._began: int | None = None
        self._expected: int | None = None
        self._seen: int | None = None
        self._unanswered = 0
        self._is_doubtful = False

    def begin(self) -> None:
        """Count from what was seen at the last look."""
        self._began = self._expected = self._seen
        self._unanswered = 0
        self._is_doubtful = False

    def doubt(self) -> None:
        """The unit was reset meanwhile, and may have lost power."""
        self._is_doubtful = True

    def look(self, generation: int | None) -> None:
        """This is PRGENERATION now; None if the unit does not tell."""
        self._seen = generation

    def count(self, command: Command, outcome: Outcome | None) -> None:
        """A command of ours has ended; `outcome` is None if the path did not answer, and may have carried it out."""
        if not command.is_out or command.service_action not in _COUNTED:
            return
        if outcome is None:
            self._unanswered += 1
        elif is_good(outcome) and self._expected is not None:
            self._expected = (self._expected + 1) % 2**32

    @property
    def is_exact(self) -> bool:
        """Whether surely no command was counted but those of ours that were answered: no other was carried out."""
        return self._expected is not None and self._seen == self._expected and not self._is_doubtful

    @property
    def others(self) -> int:
        """How many commands may have been counted, besides those of ours that were answered."""
        if self._seen is None or self._expected is None or self._is_doubtful:
            return 2**32
        return (self._seen - self._expected) % 2**32

    @property
    def is_answered(self) -> bool:
        """Whether every command of ours was answered."""
        return not self._unanswered

    @property
    def may_be_done(self) -> bool:
        """Whether a path that did not answer may have carried out what it was sent."""
        return self._unanswered > 0 and (self._seen != self._began or self._is_doubtful)

    def may_have_lost(self, registered: int) -> bool:
        """Whether a path that did not answer may have been registered, and fenced; `registered` of them still are.

        That takes two more commands: its own, and the fencer's.
        """
        if self._unanswered <= registered or self._seen is None or self._expected is None:
            return False
        return (self._seen - self._expected) % 2**32 >= registered + 2
