"""One sequence of commands on the paths of a map: what the unit says meanwhile, and whether the host was fenced.

Nothing can make several commands one, so a sequence looks afterwards whether it was disturbed. PRGENERATION counts what
changes registrations: if it grew by exactly our own commands, nobody else's came in between. If not, each path is
probed, by a REGISTER of the key that it should have over itself.
"""

from collections.abc import Collection, Iterable, Mapping

from ....scsi.outcome import Outcome
from ....scsi.parameter_data import Reservation
from ....scsi.reservation import Command, InAction
from . import commands
from .answers import CONFLICT, NO_PATH, good, is_conflict
from .commands import Registration
from .sending import Sending
from .steps import Entry, Look, Memory, Note, Path, Paths, Steps


class Sequence(Sending):
    """What the steps of one sequence share, besides what `Sending` has.

    key, holds: as `Memory` has them; whoever changes them on the unit changes them here.
    surely_ours, gave_up: as `Memory` has them, of the key that it had.
    reservation: what READ RESERVATION said last.
    aptpl_before: what `aptpl` was at the last `mark`; what undoes a guest's REGISTER carries that.
    entry: what the journal holds.
    stale: see `Entry`.
    doubts_multipathd: whether multipathd may take the map for fenced: paths had another key for a moment, or none.
    unsettled: paths that the sequence itself has left out of step, or that came back during it.
    """

    def __init__(self, paths: Paths, memory: Memory) -> None:
        super().__init__(paths.usable, memory.aptpl)
        self.ports = paths.ports
        self.key = memory.key
        self.holds = memory.holds
        self.surely_ours = memory.surely_ours
        self.gave_up = memory.gave_up
        self.reservation: Reservation | None = None
        self.aptpl_before = memory.aptpl
        self.entry = memory.entry
        self.stale = self.entry.stale if self.entry is not None else ()
        self.doubts_multipathd = False
        self.unsettled: list[Path] = []
        self.remarks: list[str] = []

    def note(self, entry: Entry | None) -> Steps[None]:
        """Write ahead; None if nothing is left to repair."""
        if entry is not None:
            entry = entry._replace(stale=self.stale, is_of_another_boot=False)
        if entry != self.entry:
            self.entry = entry
            yield Note(entry)

    # Looking

    def find_new_paths(self) -> Steps[list[Path]]:
        """Paths that have come back since they were asked, or looked up, last. They belong to it now, out of step."""
        now: Paths = yield Look()
        found = [path for path in now.usable if path not in self.live]
        if found:
            self.usable, self.ports = tuple(dict.fromkeys((*self.usable, *found))), now.ports
            self.live += found
            self.unsettled += found
        return found

    def mark(self) -> Steps[None]:
        """Begin to count: read PRGENERATION, the reservation, and the APTPL that is in force. Raises NoPathError."""
        capabilities = yield from self.read(InAction.REPORT_CAPABILITIES)
        told = False if capabilities is None else commands.aptpl_in(capabilities)
        self.aptpl = self.aptpl_before = self.aptpl if told is None else told
        yield from self.look()
        self.tally.begin()

    def look(self) -> Steps[None]:
        """Read PRGENERATION and the reservation. Raises NoPathError."""
        data = yield from self.read(InAction.READ_RESERVATION)
        self.reservation = None if data is None else commands.reservation_in(data)
        self.tally.look(None if data is None else commands.generation_in(data))

    def is_undisturbed(self) -> Steps[bool]:
        """Whether surely no command but ours has changed a registration since `mark`. Raises NoPathError."""
        yield from self.look()
        return self.tally.is_exact

    def ask_one_surely(self, command: Command) -> Steps[Outcome]:
        """As `ask_one`, after `mark`. A conflict is no answer if a path that has gone away may have done it already.

        Raises NoPathError.
        """
        outcome = yield from self.ask_one(command)
        return (yield from self.unless_done(outcome)) if is_conflict(outcome) else outcome

    def unless_done(self, outcome: Outcome) -> Steps[Outcome]:
        """This answer; but if a path that has gone away may have caused it, by what it did, that it is not known.

        Raises NoPathError.
        """
        yield from self.look()
        return NO_PATH if self.tally.may_be_done else outcome

    def all_keys(self) -> Steps[list[int] | None]:
        """Every key that the unit has, one a registration; None if it does not tell. Raises NoPathError."""
        data = yield from self.read(InAction.READ_KEYS)
        return None if data is None else commands.keys_in(data)

    def keys(self) -> Steps[list[int] | None]:
        """The keys of our registrations; where the unit does not tell which are ours, as `all_keys`.

        Raises NoPathError.
        """
        ours = yield from self.registrations_of_ours()
        return (yield from self.all_keys()) if ours is None else [each.key for each in ours]

    def is_shared(self, key: int) -> Steps[bool]:
        """Whether another host is known to have this key, too. Raises NoPathError."""
        everybody_s, ours = (yield from self.all_keys()), (yield from self.keys())
        return (everybody_s or []).count(key) > (ours or []).count(key)

    def is_ours_alone(self, key: int) -> Steps[bool]:
        """Whether surely every path that is here has this key, and no other host. Raises NoPathError."""
        having = yield from self.probe(list(self.live), key)
        here = list(self.live)  # a path that has gone away meanwhile has what it had
        everybody_s, ours = (yield from self.all_keys()), (yield from self.registrations_of_ours())
        number = (everybody_s or []).count(key)
        if not number or not {*here} <= {*having}:
            return False
        if ours is None:
            return number == len(having) or (key == self.key and number == self.surely_ours)
        return number == [each.key for each in ours].count(key)

    def registrations_of_ours(self) -> Steps[list[Registration] | None]:
        """Those of this host's ports, by paths that are away, too; None if that cannot be told. Raises NoPathError."""
        data = (yield from self.read(InAction.READ_FULL_STATUS)) if self.ports else None
        everybody = None if data is None else commands.full_status_in(data)
        return None if everybody is None else [each for each in everybody if each.port in self.ports]

    def we_hold(self) -> Steps[bool]:
        """Whether a path of ours holds the reservation, even one that is away. Raises NoPathError.

        Several hosts may share a key, so that the key does not tell. READ FULL STATUS does; else memory must.
        """
        ours = yield from self.registrations_of_ours()
        return self.holds if ours is None else any(each.holds for each in ours)

    # Fencing

    def probe(self, paths: Iterable[Path], key: int) -> Steps[list[Path]]:
        """The paths that have this key: REGISTER of the key over itself changes nothing."""
        return good((yield from self.register(paths, key, key)))

    def lost(self, paths: Collection[Path], key: int, away: int = 0) -> Steps[bool]:
        """Whether one of these paths, which had this key, has it no more: then the host was fenced. See `lack`.

        Raises NoPathError.
        """
        return not (yield from self.is_undisturbed()) and (yield from self.lack(paths, key, away))

    def lack(self, paths: Collection[Path], key: int, away: int = 0) -> Steps[bool]:
        """Whether one of these paths has not this key: a path that is away, if there are fewer such keys than paths.

        away: how many other paths should have it.
        Raises NoPathError.
        """
        having = yield from self.probe(paths, key)
        if any(path in self.live and path not in having for path in paths):
            return True
        return (yield from self.count_of(paths, [key], away)) < len(paths) + away

    def probe_for(self, paths: Iterable[Path], keys: Iterable[int]) -> Steps[dict[Path, int]]:
        """The paths that have one of these keys, and which."""
        having: dict[Path, int] = {}
        for key in keys:
            rest = [path for path in paths if path not in having]
            having |= dict.fromkeys((yield from self.probe(rest, key)), key)
        return having

    def count_of(self, paths: Collection[Path], keys: Collection[int], away: int = 0) -> Steps[int]:
        """How many of these paths, and of `away` others that are not here, have one of these keys, or more.

        Another path of ours may have got one from multipathd, be it that it came back just now, and is not counted. It
        may get it meanwhile: then the number changes, and is taken anew. One that does not answer, or has not answered
        the REGISTER that was to give it one, may have it in the place of a path that is away.
        Raises NoPathError.
        """
        others: list[Path] = []
        having: dict[Path, int] = {}
        before = after = yield from self._number_of(keys)
        for _ in range(2 + len(self.usable)):
            yield from self.find_new_paths()
            others = [path for path in self.live if path not in paths]
            if not others:
                break
            before, having = after, (yield from self.probe_for(others, keys))
            after = yield from self._number_of(keys)
            if after == before:
                break
        if not away and all(path in self.live for path in paths):
            return min(before, after) - len(having)
        silent = {path for path in others if path not in self.live and path not in having}
        number = min(before, after) - len(having) - len(silent)
        in_doubt = {path for path, key in self.may_have.items() if key in keys} | self.gave_up
        in_doubt -= {*paths, *self.live, *silent, *having}
        if in_doubt:
            yield from self.look()
            number -= max(0, min(len(in_doubt), self.tally.others - 1))  # one at least is the fencer's
        return number

    def _number_of(self, keys: Collection[int]) -> Steps[int]:
        return sum(key in keys for key in (yield from self.keys()) or [])

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
