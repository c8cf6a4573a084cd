"""One multipath map: carries sequences out, one at a time, and remembers between them what the rules want to know.

The lock is the journal's, which holds between processes, too. If another process has had its turn since ours, or our
last sequence was cut off, what we remember is worth nothing: the rules find out again, beginning with the entry on the
disk.
"""

import time
from collections.abc import Callable
from pathlib import Path as File
from typing import NamedTuple, TypeAlias, TypeVar

from ...logs import trace
from ...scsi.outcome import Outcome
from ...scsi.reservation import Command
from ..execution import Note as Way
from ..execution import Result
from ..stack import multipath_maps
from . import rules
from .journal import Journal, JournalError, Turn
from .multipathd import Multipathd
from .paths import OpenMap, Seen, paths_of, uuid_if_there, wwid_of
from .rules.answers import NO_PATH, is_of_the_path, is_unit_attention
from .rules.steps import Done, Look, Memory, Path, Paths, Send, Step, Steps, Tell
from .sending import Order, send

T = TypeVar("T")
Rule: TypeAlias = Callable[[Memory, Paths], Steps[Done]]
SendAll: TypeAlias = Callable[[tuple[Order, ...], Callable[[Order], Outcome]], list[Outcome]]

KEY_REFUSED = (
    "multipathd does not keep the key, so it cannot register a path that comes back: "
    "set `reservation_key file` in /etc/multipath.conf, and run `multipathd reconfigure`"
)
NO_USABLE_PATH = "no path of it can be used: see `multipath -ll`"


class Means(NamedTuple):
    """What sequences on all maps are carried out with.

    send_all: `sending.send_at_once` or `send_in_turn`.
    timeout: seconds for a command on a path.
    """

    journal: Journal
    multipathd: Multipathd
    send_all: SendAll
    timeout: float


class Map:
    """A map, by its uuid. Any thread may call; a call that carries out a sequence waits for the one before.

    left_over: whether a process before this one has left an entry in the journal.
    """

    def __init__(self, uuid: str, means: Means, left_over: bool = False) -> None:
        self.uuid = uuid
        self._means = means
        self._memory = Memory()
        self._sequences: dict[Path, str] = {}  # of the disks that the paths in `settled` were
        self._left_over = left_over
        self._folder: File | None = None

    @property
    def is_of_interest(self) -> bool:
        """Whether its paths have to be watched: it has a registration of ours, or may have."""
        return self._left_over or self._memory.key != 0 or self._memory.entry is not None

    @property
    def is_waiting(self) -> bool:
        """Whether a path was away, so that it may come back at any moment and be written to unregistered."""
        return self.is_of_interest and (self._left_over or not self._sequences.keys() <= self._memory.settled)

    def folder(self) -> File | None:
        """Its folder in sysfs; None if it is not here."""
        if self._folder is None or uuid_if_there(self._folder) != self.uuid:
            self._folder = next((folder for folder in multipath_maps() if uuid_if_there(folder) == self.uuid), None)
        return self._folder

    def needs_care(self, folder: File) -> bool:
        """Whether a path could be used that is not known to be in step. Asks sysfs only."""
        if not self.is_of_interest:
            return False
        usable = [path for path in paths_of(folder) if path.usable]
        entry = self._memory.entry
        unfinished = self._left_over or (entry is not None and entry.is_under_way)
        return any(unfinished or not self._is_settled(path) for path in usable)

    @property
    def is_registered(self) -> bool:
        """Whether it has a registration of ours, as far as this process knows."""
        return self._memory.key != 0

    @property
    def multipathd_is_late(self) -> bool:
        """Whether multipathd did not answer when it was to be told the key."""
        return self.is_registered and self._memory.told.is_late

    def is_as_left(self, folder: File) -> bool:
        """Whether the unit still has the registrations of ours that there were, and multipathd knows. Asks the unit.

        Raises OSError if the map is going away.
        """
        if self.multipathd_is_late:
            return False
        with OpenMap(folder) as opened:
            return _Running(self._means, None, opened).run(rules.is_as_left(self._memory, opened.paths))

    def execute(self, command: Command, folder: File) -> Result:
        """Carry out a guest's command; `folder` is the map's in sysfs. Raises OSError if the map is going away."""
        if command.is_out:
            return self._take_turn(folder, lambda memory, paths: rules.execute(memory, paths, command))
        # Takes no turn: it changes nothing, and must not wait for an OUT that waits for a dead path.
        with OpenMap(folder) as opened:
            sequence = _Running(self._means, None, opened)
            return self._result(opened, sequence, sequence.run(rules.execute(self._memory, opened.paths, command)))

    def look_after(self, folder: File) -> Result:
        """End what was under way, and bring paths in step that have come back. Raises OSError as `execute` does."""
        return self._take_turn(folder, rules.look_after)

    def _take_turn(self, folder: File, rule: Rule) -> Result:
        try:
            with self._means.journal.turn(self.uuid) as turn, OpenMap(folder) as opened:
                return self._change(turn, opened, rule)
        except JournalError as error:
            return Result(NO_PATH, trouble=str(error))

    def _change(self, turn: Turn, opened: OpenMap, rule: Rule) -> Result:
        sequence = _Running(self._means, turn, opened)
        try:
            done = sequence.run(rule(self._recollect(turn, opened), opened.paths))
        except BaseException:
            self._memory, self._left_over = Memory(), True  # as for a process that has just started
            raise
        self._memory, self._left_over = done.memory, False
        self._sequences = {path.address: path.sequence for path in opened.seen}
        return self._result(opened, sequence, done)

    def _result(self, opened: OpenMap, sequence: "_Running", done: Done) -> Result:
        remarks = [*opened.remarks, *([] if opened.paths.usable else [NO_USABLE_PATH]), *sequence.remarks]
        skipped = (*done.skipped, *opened.unusable)
        note = Way(opened.name, wwid_of(self.uuid), done.used, skipped, (*remarks, *done.remarks))
        return Result(done.outcome, sequence.seconds(), note=note)

    def _recollect(self, turn: Turn, opened: OpenMap) -> Memory:
        if turn.others_came_between or self._left_over:
            return Memory(entry=turn.entry)
        if turn.entry != self._memory.entry:  # it was damaged meanwhile
            turn.write(self._memory.entry)
        settled = {path.address for path in opened.seen if self._is_settled(path)}
        return self._memory._replace(settled=frozenset(settled))

    def _is_settled(self, path: Seen) -> bool:
        return path.address in self._memory.settled and self._sequences.get(path.address) == path.sequence


class _Running:
    """A sequence that is being carried out. A reading one has no turn, and writes nothing down."""

    def __init__(self, means: Means, turn: Turn | None, opened: OpenMap) -> None:
        self._means = means
        self._turn = turn
        self._map = opened
        self._began = time.monotonic()
        self.remarks: list[str] = []

    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def run(self, steps: Steps[T]) -> T:
        """Carry it out. Raises JournalError, after which what was done is to be repaired."""
        return rules.carry_out(steps, self._do)

    def _do(self, step: Step) -> object:
        if isinstance(step, Send):
            return self._means.send_all(step.orders, self._send)
        if isinstance(step, Tell):
            return self._tell(step)
        if isinstance(step, Look):
            return self._map.look_again()
        if self._turn is not None:
            self._turn.write(step.entry)
        return None

    def _send(self, order: Order) -> Outcome:
        path, command = order
        outcome = send(self._map.fileno(path), path, command, self._means.timeout)
        if is_of_the_path(outcome) and not is_unit_attention(outcome):
            self._map.has_failed(path)
        return outcome

    def _tell(self, step: Tell) -> str:
        request = " ".join(filter(None, (step.verb, "map", self._map.disk, step.argument)))
        reply = self._means.multipathd.request(request)
        trace.multipathd(request, reply.text or reply.trouble)
        trouble = reply.trouble
        if step.verb == "setprkey" and trouble is None and reply.text != "ok":
            trouble = KEY_REFUSED
        if trouble is not None and trouble not in self.remarks:
            self.remarks.append(trouble)
        return reply.text
