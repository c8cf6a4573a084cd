"""One sequence of commands on the paths of a map: which paths are left, and whether others came in between.

A path that does not answer is left alone for the rest of the sequence, for a dead one costs seconds each time. Whether
it has carried the command out is not known.

Nothing can make several commands one, so a sequence looks afterwards whether it was disturbed. PRGENERATION counts what
changes registrations: if it grew by exactly our own commands, nobody else's came in between. If not, each path is
probed, by a REGISTER of the key that it should have over itself.
"""

from collections.abc import Collection, Iterable, Mapping

from ....scsi import sense
from ....scsi.outcome import Outcome
from ....scsi.reservation import Command, InAction, OutAction
from ....scsi.sense import Sense
from . import commands
from .answers import CONFLICT, NO_PATH, good, is_conflict, is_good, is_of_the_path, is_unit_attention
from .commands import ALL_TG_PT, Registration, Reservation
from .steps import Entry, Memory, Note, Path, Paths, Send, Steps

MAX_RETRIES = 5
"""How often a path that reports a unit attention is asked again: a nexus has a few of them pending at most."""

_COUNTED = (
    OutAction.REGISTER,
    OutAction.REGISTER_AND_IGNORE_EXISTING_KEY,
    OutAction.REGISTER_AND_MOVE,
    OutAction.CLEAR,
    OutAction.PREEMPT,
    OutAction.PREEMPT_AND_ABORT,
)

_REGISTERING = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)

_MISSES_ALL_TG_PT = sense.INVALID_FIELD_IN_PARAMETER_LIST


class NoPathError(Exception):
    """No path is left. The sequence cannot be ended, and is repaired by its journal entry when a path answers again."""


class Sequence:
    """What the steps of one sequence share.

    live: the paths that still answer, in the order in which they are to be tried.
    usable: the paths that it began with.
    used: those that have answered.
    key, holds: as `Memory` has them; whoever changes them on the unit changes them here.
    given: every key that a REGISTER has given a path, or may have.
    reservation: what READ RESERVATION said last.
    aptpl: whether APTPL is in force; every REGISTER carries it, or the unit would end it for all.
    aptpl_before: whether it was at the last `mark`; what undoes a guest's REGISTER carries that.
    entry: what the journal holds.
    stale: see `Entry`.
    took_over: whether paths had a temporary key.
    unsettled: paths that the sequence itself has left out of step.
    """

    def __init__(self, paths: Paths, memory: Memory) -> None:
        self.usable = paths.usable
        self.live = list(paths.usable)
        self.ports = paths.ports
        self.used: set[Path] = set()
        self.key = memory.key
        self.holds = memory.holds
        self.given: list[int] = []
        self.reservation: Reservation | None = None
        self.aptpl = self.aptpl_before = memory.aptpl
        self.entry = memory.entry
        self.stale = self.entry.stale if self.entry is not None else ()
        self.took_over = False
        self.unsettled: list[Path] = []
        self.remarks: list[str] = []
        self._marked: int | None = None
        self._expected: int | None = None
        self._unanswered = 0
        self._generation: int | None = None

    # Sending

    def ask(self, orders: Mapping[Path, Command]) -> Steps[dict[Path, Outcome]]:
        """Send a command to each of some paths. The outcomes of those that answered; the others are out of it."""
        outcomes: dict[Path, Outcome] = {}
        waiting = {path: orders[path] for path in orders if path in self.live}
        for _ in range(1 + MAX_RETRIES):
            if not waiting:
                break
            outcomes.update(zip(waiting, (yield Send(tuple(waiting.items()))), strict=True))
            waiting = {path: waiting[path] for path in waiting if is_unit_attention(outcomes[path])}
        answered = {path: outcome for path, outcome in outcomes.items() if not is_of_the_path(outcome)}
        for path, outcome in outcomes.items():
            self._count(orders[path], None if path not in answered else outcome)
            if path not in answered:
                self.live.remove(path)
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

    def ask_one_surely(self, command: Command) -> Steps[Outcome]:
        """As `ask_one`, after `mark`. A conflict is no answer if a path that has gone away may have done it already.

        Raises NoPathError.
        """
        outcome = yield from self.ask_one(command)
        return NO_PATH if is_conflict(outcome) and (yield from self.may_be_done()) else outcome

    def register(self, paths: Iterable[Path], key: int, new: int) -> Steps[dict[Path, Outcome]]:
        """REGISTER of our own on some paths.

        A unit may insist on ALL_TG_PT for a path that was registered with it, as LIO does. Other units change every
        path through the same port of ours then, so it is left out until it is missed.
        """
        aptpl = commands.APTPL if self.aptpl else 0
        command = commands.register(key, new, aptpl)
        answers = yield from self.ask(dict.fromkeys(paths, command))
        refused = [path for path in answers if Sense.parse(answers[path].sense) == _MISSES_ALL_TG_PT]
        if refused:
            command = commands.register(key, new, aptpl | ALL_TG_PT)
            answers.update((yield from self.ask(dict.fromkeys(refused, command))))
        return {path: answers[path] for path in answers if path in self.live}

    @property
    def lost_an_answer(self) -> bool:
        """Whether a path has gone away during the sequence."""
        return len(self.live) < len(self.usable)

    def note(self, entry: Entry | None) -> Steps[None]:
        """Write ahead; None if nothing is left to repair."""
        if entry is not None:
            entry = entry._replace(stale=self.stale)
        if entry != self.entry:
            self.entry = entry
            yield Note(entry)

    # Reading

    def read(self, action: InAction) -> Steps[bytes | None]:
        """What the unit says by whichever path; None if it does not know the question. Raises NoPathError."""
        for path in list(self.live):
            outcome = (yield from self.ask({path: commands.read(action)})).get(path)
            if outcome is not None:
                return outcome.data if is_good(outcome) else None
        raise NoPathError

    def mark(self) -> Steps[None]:
        """Begin to count: read PRGENERATION, the reservation, and the APTPL that is in force. Raises NoPathError."""
        capabilities = yield from self.read(InAction.REPORT_CAPABILITIES)
        self.aptpl = self.aptpl_before = capabilities is not None and commands.aptpl_in(capabilities)
        yield from self._look()
        self._marked = self._expected = self._generation
        self._unanswered = 0

    def is_undisturbed(self) -> Steps[bool]:
        """Whether surely no command but ours has changed a registration since `mark`. Raises NoPathError."""
        yield from self._look()
        return self._expected is not None and self._generation == self._expected and not self._unanswered

    def _look(self) -> Steps[None]:
        data = yield from self.read(InAction.READ_RESERVATION)
        self.reservation = None if data is None else commands.reservation_in(data)
        self._generation = None if data is None else commands.generation_in(data)

    def may_be_done(self) -> Steps[bool]:
        """Whether a path that has gone away may have carried out what no other path has. Raises NoPathError."""
        yield from self.is_undisturbed()
        return self._unanswered > 0 and self._generation != self._marked

    @property
    def may_be_lost(self) -> bool:
        """Whether others came in between, at the last look, and may have fenced a path that did not answer."""
        if not self._unanswered or self._generation is None or self._expected is None:
            return False
        return (self._generation - self._expected) % 2**32 > self._unanswered

    def all_keys(self) -> Steps[list[int]]:
        """Every key that the unit has, one a registration. Raises NoPathError."""
        return commands.keys_in((yield from self.read(InAction.READ_KEYS)) or b"")

    def keys(self) -> Steps[list[int]]:
        """The keys of our registrations; where the unit does not tell which are ours, all. Raises NoPathError."""
        ours = yield from self.registrations_of_ours()
        return (yield from self.all_keys()) if ours is None else [each.key for each in ours]

    def is_shared(self, key: int) -> Steps[bool]:
        """Whether another host is known to have this key, too. Raises NoPathError."""
        return (yield from self.all_keys()).count(key) > (yield from self.keys()).count(key)

    def registrations_of_ours(self) -> Steps[list[Registration] | None]:
        """Those of this host's ports, by paths that are away, too; None if that cannot be told. Raises NoPathError."""
        data = (yield from self.read(InAction.READ_FULL_STATUS)) if self.ports else None
        everybody = None if data is None else commands.full_status_in(data)
        return None if everybody is None else [each for each in everybody if each.port in self.ports]

    # Fencing

    def we_hold(self) -> Steps[bool]:
        """Whether a path of ours holds the reservation, even one that is away. Raises NoPathError.

        Several hosts may share a key, so that the key does not tell. READ FULL STATUS does; else memory must.
        """
        ours = yield from self.registrations_of_ours()
        return self.holds if ours is None else any(each.holds for each in ours)

    def probe(self, paths: Iterable[Path], key: int) -> Steps[list[Path]]:
        """The paths that have this key: REGISTER of the key over itself changes nothing."""
        return good((yield from self.register(paths, key, key)))

    def lost(self, paths: Collection[Path], key: int) -> Steps[bool]:
        """Whether one of these paths, which had this key, has it no more: then the host was fenced.

        Raises NoPathError.
        """
        return not (yield from self.is_undisturbed()) and (yield from self.lack(paths, key))

    def lack(self, paths: Collection[Path], key: int) -> Steps[bool]:
        """Whether one of these paths has not this key: a path that is away, if there are fewer such keys than paths.

        Raises NoPathError.
        """
        having = yield from self.probe(paths, key)
        number = (yield from self.keys()).count(key)
        return number < len(paths) or any(path in self.live and path not in having for path in paths)

    def withdraw(self, keys: Mapping[Path, int]) -> Steps[None]:
        """Unregister each of these paths from its key."""
        for key in dict.fromkeys(keys.values()):
            yield from self.register([path for path in keys if keys[path] == key], key, 0)
        self.key, self.holds = 0, False

    def fenced(self, keys: Mapping[Path, int]) -> Steps[Outcome]:
        """Unregister the paths that are left, each from its key; the answer is as if none had been there."""
        self.aptpl = self.aptpl_before
        self.remarks.append("fenced by another host meanwhile")
        yield from self.withdraw(keys)
        return CONFLICT

    def _count(self, command: Command, outcome: Outcome | None) -> None:
        """Keep account of a command that has ended; `outcome` is None if the path did not answer."""
        if not command.is_out or command.service_action not in _COUNTED:
            return
        if outcome is None:
            self._unanswered += 1  # it may have been carried out
        elif not is_good(outcome):
            return
        elif self._expected is not None:
            self._expected = (self._expected + 1) % 2**32
        if command.service_action in _REGISTERING and (keys := command.keys) is not None:
            self.given.extend(key for key in keys if key and key not in self.given)
