"""The paths of a map that a sequence has left, and sending them commands.

A path that does not answer is left alone for the rest of the sequence, for a dead one costs seconds each time. Whether
it has carried the command out is not known.
"""

from collections.abc import Iterable, Mapping

from ....scsi import sense
from ....scsi.commands import ALL_TG_PT, APTPL, reserve_in
from ....scsi.outcome import Outcome
from ....scsi.reservation import Command, InAction, OutAction
from ....scsi.sense import Sense
from . import commands
from .answers import is_conflict, is_good, is_of_the_path, is_unit_attention, tells_of_reset
from .steps import Path, Send, Steps
from .tally import PREEMPTING, REGISTERING, Tally

MAX_RETRIES = 5
"""How often a path that reports a unit attention is asked again: a nexus has a few of them pending at most."""

ROOM = 0xFE00
"""Bytes for what does not fit into what a guest may read, in whole sectors: many hosts with many paths have so many
registrations, and the rules can make no use of what is cut off."""

_MISSES_ALL_TG_PT = sense.INVALID_FIELD_IN_PARAMETER_LIST


class NoPathError(Exception):
    """No path is left. The sequence cannot be ended, and is repaired by its journal entry when a path answers again."""


class Sending:
    """Sends commands of one sequence.

    usable: the paths that it began with, in the order in which they are to be tried.
    live: those that still answer.
    used: those that have answered.
    aptpl: whether APTPL is in force; every REGISTER carries it, or the unit would end it for all.
    lost_an_answer: whether a path has gone away during the sequence, be it back or not.
    given: every key that a REGISTER has named, and may have given a path; 0 among them.
    given_to: the key that each path has by the last REGISTER of ours; None if it did not answer.
    may_have: the key that each path may have by a REGISTER that it has not answered.
    tally: of the commands sent.
    """

    def __init__(self, usable: tuple[Path, ...], aptpl: bool) -> None:
        self.usable = usable
        self.live = list(usable)
        self.used: set[Path] = set()
        self.lost_an_answer = False
        self.aptpl = aptpl
        self.given: list[int] = []
        self.given_to: dict[Path, int | None] = {}
        self.may_have: dict[Path, int] = {}
        self.tally = Tally()

    def ask(self, orders: Mapping[Path, Command]) -> Steps[dict[Path, Outcome]]:
        """Send a command to each of some paths. The outcomes of those that answered; the others are out of it."""
        outcomes: dict[Path, Outcome] = {}
        waiting = {path: orders[path] for path in orders if path in self.live}
        for _ in range(1 + MAX_RETRIES):
            if not waiting:
                break
            outcomes.update(zip(waiting, (yield Send(tuple(waiting.items()))), strict=True))
            if any(path in self.used and tells_of_reset(outcomes[path]) for path in waiting):  # else it may be old
                self.tally.doubt()
            waiting = {path: waiting[path] for path in waiting if is_unit_attention(outcomes[path])}
        answered = {path: outcome for path, outcome in outcomes.items() if not is_of_the_path(outcome)}
        for path, outcome in outcomes.items():
            self._count(path, orders[path], None if path not in answered else outcome)
            if path not in answered:
                self.leave_out(path)
        self.used.update(answered)
        return answered

    def ask_one(self, command: Command) -> Steps[Outcome]:
        """Send a command that needs only one path: to the next after a conflict, which may be the path's alone.

        Raises NoPathError.
        """
        conflict = None
        for path in list(self.live):
            outcome = (yield from self.ask({path: command})).get(path)
            if outcome is not None and not is_conflict(outcome):
                return outcome
            conflict = outcome or conflict
        if conflict is None:
            raise NoPathError
        return conflict

    def register(self, paths: Iterable[Path], key: int, new: int) -> Steps[dict[Path, Outcome]]:
        """REGISTER of our own on some paths.

        A unit may insist on ALL_TG_PT for a path that was registered with it, as LIO does. Other units change every
        path through the same port of ours then, so it is left out until it is missed.
        """
        aptpl = APTPL if self.aptpl else 0
        command = commands.register(key, new, aptpl)
        answers = yield from self.ask(dict.fromkeys(paths, command))
        refused = [path for path in answers if Sense.parse(answers[path].sense) == _MISSES_ALL_TG_PT]
        command = commands.register(key, new, aptpl | ALL_TG_PT)
        answers.update((yield from self.ask(dict.fromkeys(refused, command))))
        return {path: answers[path] for path in answers if path in self.live}

    def read(self, action: InAction) -> Steps[bytes | None]:
        """What the unit says by whichever path; None if it does not know the question. Raises NoPathError."""
        for path in list(self.live):
            outcome = (yield from self.ask({path: reserve_in(action)})).get(path)
            if outcome is not None and commands.is_cut_off(action, outcome.data):
                outcome = (yield from self.ask({path: reserve_in(action, ROOM)})).get(path)
            if outcome is None:
                continue
            if not is_good(outcome):
                return None
            if commands.makes_sense(action, outcome.data):
                return outcome.data
            self.leave_out(path)
        raise NoPathError

    def leave_out(self, path: Path) -> None:
        """Send no more by a path that does not answer, or makes no sense, or cannot be brought in step now."""
        self.live.remove(path)
        self.lost_an_answer = True

    def _count(self, path: Path, command: Command, outcome: Outcome | None) -> None:
        """Keep account of a command that has ended; `outcome` is None if the path did not answer."""
        self.tally.count(command, outcome)
        if not command.is_out or command.keys is None:
            return
        if command.service_action in PREEMPTING and outcome is not None and is_good(outcome):
            self.may_have = {each: key for each, key in self.may_have.items() if key != command.keys[1]}
        if command.service_action not in REGISTERING:
            return
        if outcome is None or is_good(outcome):
            self.given.extend(command.keys)
        key, new = command.keys
        if outcome is None and key == new and command.service_action == OutAction.REGISTER:
            return  # it changes nothing, late or not
        self.may_have.pop(path, None)
        if outcome is None:
            self.may_have[path] = new
        if outcome is None or is_good(outcome):
            self.given_to[path] = None if outcome is None else new
