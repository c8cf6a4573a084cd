"""Paths of ours that a take-over has unregistered itself: writes on them fail, so it does nothing else meanwhile."""

from collections.abc import Callable

from prhelper.device.emulated.state import State
from prhelper.device.multipath.rules.steps import Look, Path, Send, Step
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import GOOD
from ...emulated.unit import answer
from .cluster import DEAD, Cluster

REGISTERING = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
PREEMPTING = (OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT)


class Bare(Cluster):
    """Raises AssertionError if such a path is left while anything is done but to register.

    log: all that has happened. events: what others have done in the sequence.
    may_leave: whether the guest's command is to unregister our paths, be it for a moment.
    broken: paths that have been away during the sequence. late: those of which multipathd takes notice only now.
    failed: those that have not answered a command of the sequence, which does without them.
    bare: paths that were here, or are late, and have lost their key to our own PREEMPT of it.
    """

    def __init__(self, paths: str, ports_known: bool, share_ports: bool) -> None:
        super().__init__(paths=paths, ports_known=ports_known, share_ports=share_ports)
        self.log: list[str] = []
        self.events: list[Callable[[State], State]] = []
        self.may_leave = False
        self.broken: set[Path] = set()
        self.late: set[Path] = set()
        self.failed: set[Path] = set()
        self.bare: set[Path] = set()

    def ours(self) -> dict[Path, int]:
        keys = {path: self.unit.key_of(nexus) for path, nexus in self.nexuses.items()}
        return {path: key for path, key in keys.items() if key is not None}

    def step(self, step: Step) -> object:
        if not isinstance(step, (Send, Look)):
            self._check_bare()
        return super().step(step)

    def deliver(self, path: Path, command: Command) -> Outcome:
        if not command.is_out or command.service_action not in REGISTERING:
            self._check_bare()
        before = self.ours()
        outcome = super().deliver(path, command)
        if outcome == DEAD:
            self.bare.discard(path)
            self.failed.add(path)
        elif command.is_out and command.service_action in PREEMPTING and answer(outcome) == GOOD:
            is_of_own_key = len({*(command.keys or ())}) == 1 and not self.may_leave
            lost = before.keys() - self.ours().keys() if is_of_own_key else set()
            self.bare = lost - self.away - self.failed - (self.broken - self.late)
        return outcome

    def _check_bare(self) -> None:
        """Those who were fenced stay out."""
        self.bare -= self.ours().keys() | self.away
        assert not self.bare or self.events, self

    def __str__(self) -> str:
        return "\n".join(["", *self.log])
