"""What is done on a map: a guest's command, and what there is to do without one.

Each is a sequence of steps (`steps.Steps`); one at a time on a map. What was left undone is done first, so that a
command finds all paths that are here in step: registered with one key, or none of them.
"""

from ....scsi.outcome import Outcome
from ....scsi.reservation import Command, OutAction
from .answers import GOOD, NO_PATH
from .checking import check, count_registered, surely_ours
from .commands import Wanted
from .preempting import preempt
from .recalling import recall
from .registering import register, unregister
from .repairing import repair
from .reserving import clear, move, release, reserve
from .sending import NoPathError
from .sequence import Sequence
from .settling import settle
from .steps import Done, Entry, Memory, Path, Paths, Steps
from .tally import REGISTERING
from .telling import follow

MAX_STALE = 8
"""Keys that are remembered for paths that are away, each of which costs a command when such a path comes back."""

_RULES = {
    OutAction.RESERVE: reserve,
    OutAction.RELEASE: release,
    OutAction.CLEAR: clear,
    OutAction.PREEMPT: preempt,
    OutAction.PREEMPT_AND_ABORT: preempt,
    OutAction.REGISTER_AND_MOVE: move,
}


def execute(memory: Memory, paths: Paths, command: Command) -> Steps[Done]:
    """Carry out a guest's command. The answer is the unit's own, wherever a path is left to give one."""
    if not command.is_out:
        return (yield from _read(memory, paths, command))
    sequence = Sequence(paths, memory)
    try:
        memory = yield from _prepare(sequence, memory)
        outcome = yield from _write(sequence, command)
        return (yield from _finish(sequence, memory, outcome))
    except NoPathError:
        return _cut_short(sequence, memory)


def look_after(memory: Memory, paths: Paths) -> Steps[Done]:
    """Without a guest: find out what is not known, end what was under way, bring paths in step that have come back."""
    sequence = Sequence(paths, memory)
    try:
        memory = yield from _prepare(sequence, memory)
        return (yield from _finish(sequence, memory, GOOD))
    except NoPathError:
        return _cut_short(sequence, memory)


def _read(memory: Memory, paths: Paths, command: Command) -> Steps[Done]:
    """PERSISTENT RESERVE IN, by whichever path answers first."""
    sequence = Sequence(paths, memory)
    try:
        outcome = yield from sequence.ask_one(command)
    except NoPathError:
        outcome = NO_PATH
    return _done(sequence, memory, outcome)


def _write(sequence: Sequence, command: Command) -> Steps[Outcome]:
    """PERSISTENT RESERVE OUT; what makes no sense to us may make none to the unit, which then says so."""
    wanted = Wanted.of(command)
    if wanted is not None and wanted.action in REGISTERING:
        return (yield from (register if wanted.new else unregister)(sequence, wanted))
    if wanted is not None and wanted.action in _RULES:
        return (yield from _RULES[OutAction(wanted.action)](sequence, wanted))
    return (yield from sequence.ask_one(command))


def _prepare(sequence: Sequence, memory: Memory) -> Steps[Memory]:
    """Find out what is not known, end what was under way, and bring all paths in step. Raises NoPathError."""
    if not memory.is_recalled:
        memory = yield from recall(sequence, memory)
    entry = memory.entry
    if entry is not None and entry.is_under_way:
        yield from repair(sequence, entry)
        kept = _merged(sequence.stale, (entry.wanted, *entry.passing))
        sequence.stale = tuple(key for key in kept if key not in (0, sequence.key))
        yield from sequence.note(_standing_entry(sequence))
    memory = yield from check(sequence, memory)
    for path in list(sequence.live):
        if path not in memory.settled:
            yield from settle(sequence, path)
    return memory


def _finish(sequence: Sequence, memory: Memory, outcome: Outcome) -> Steps[Done]:
    """Leave everything in step, and tell multipathd. Raises NoPathError."""
    if sequence.doubts_multipathd:
        yield from sequence.find_new_paths()
    kept = _merged(sequence.stale, (memory.key, *sequence.given))
    sequence.stale = tuple(key for key in kept if key not in (0, sequence.key))[-MAX_STALE:]
    for path in sequence.unsettled:
        yield from settle(sequence, path)
    gave_up = _gave_up(sequence, memory)
    if sequence.stale and not (sequence.lost_an_answer or gave_up):  # a command that was given up may still arrive
        still = yield from sequence.all_keys()
        sequence.stale = tuple(key for key in sequence.stale if still is None or key in still)
    yield from sequence.note(_standing_entry(sequence))
    registered = yield from count_registered(sequence, memory)
    memory = memory._replace(
        is_recalled=True,
        key=sequence.key,
        holds=sequence.holds,
        aptpl=sequence.aptpl,
        settled=frozenset(sequence.live),
        registered=registered,
        surely_ours=surely_ours(sequence, memory, registered),
        gave_up=gave_up,
        entry=sequence.entry,
    )
    told = yield from follow(memory, sequence.doubts_multipathd)
    return _done(sequence, memory._replace(told=told), outcome)


def _cut_short(sequence: Sequence, memory: Memory) -> Done:
    """No path is left. What was under way is in the journal, and ended before the next command.

    A key that other paths seemed to have, and one was to get, is not under way; whether it has it is found out.
    """
    key, entry = sequence.key, sequence.entry
    is_known = entry is None or entry.is_under_way or entry.wanted == key
    memory = memory._replace(
        is_recalled=memory.is_recalled and is_known,
        key=key,
        holds=sequence.holds,
        settled=frozenset(),
        surely_ours=0,
        gave_up=_gave_up(sequence, memory),
        entry=entry,
    )
    return _done(sequence, memory, NO_PATH)


def _done(sequence: Sequence, memory: Memory, outcome: Outcome) -> Done:
    used = tuple(path for path in sequence.usable if path in sequence.used)
    skipped = tuple(path for path in sequence.usable if path not in sequence.live)
    return Done(outcome, memory, used, skipped, tuple(dict.fromkeys(sequence.remarks)))


def _gave_up(sequence: Sequence, memory: Memory) -> frozenset[Path]:
    """What to remember as `Memory.gave_up`: the keys that such a path may get yet are not forgotten meanwhile."""
    silent = [path for path, key in sequence.given_to.items() if key is None]
    return memory.gave_up.union(silent).difference(sequence.live)


def _standing_entry(sequence: Sequence) -> Entry | None:
    return Entry(sequence.key, stale=sequence.stale) if sequence.key or sequence.stale else None


def _merged(keys: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*keys, *more)))
