"""REGISTER and REGISTER AND IGNORE EXISTING KEY: the guest's on one path, and on the others what it means there.

What the first path answers decides. Of the others we know which key they should have, so they are sent a REGISTER that
names it, which does nothing to a path that was fenced a moment ago; an IGNORE would undo the fencing. The guest's own
IGNORE is sent only where no path has the key that we know. A path that answers with a conflict has lost its key to a
fencer, or never had it; which of the two, PRGENERATION tells.
"""

from collections.abc import Iterable

from ....scsi.commands import ALL_TG_PT, APTPL, SPEC_I_PT
from ....scsi.outcome import Outcome
from ....scsi.parameter_data import Reservation
from . import commands
from .answers import CONFLICT, GOOD, NO_PATH, conflicting, good, is_conflict, is_good, refusal
from .commands import Wanted
from .sending import NoPathError
from .sequence import Sequence
from .steps import Entry, Path, Steps
from .taking_over import bring_here, first_with


def register(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """Register all paths, or change their key. Raises NoPathError."""
    yield from sequence.mark()
    if wanted.ignores_key and sequence.key and wanted.is_plain:
        if (yield from first_with(sequence, sequence.key)) is not None:
            wanted = wanted.naming(sequence.key)
        else:
            sequence.key, sequence.holds = 0, False
    old = yield from _old_key(sequence, wanted)
    yield from sequence.note(_entry(sequence, old, wanted.new))
    answers = yield from _until_good(sequence, wanted)
    registered, lagging = good(answers), conflicting(answers)
    if not registered and sequence.lost_an_answer and old == sequence.key:
        registered, lagging = yield from _told_apart(sequence, wanted, lagging)
    if not registered:
        return (yield from _none_registered(sequence, wanted, refusal(answers)))
    sequence.aptpl = bool(wanted.flags & APTPL)

    rest = [path for path in sequence.live if path not in answers]
    answers = yield from sequence.ask(dict.fromkeys(rest, wanted.for_other_paths(old)))
    registered, lagging = registered + good(answers), lagging + conflicting(answers)
    reached, lagging = yield from _told_apart(sequence, wanted, lagging)
    registered += reached

    if (refused := refusal(answers)) is not None:
        return (yield from _undo(sequence, wanted.new, old, registered, refused))
    if lagging and not old and not wanted.ignores_key:  # "we are registered", says a path that has any key
        return (yield from _undo(sequence, wanted.new, old, registered, CONFLICT))
    if lagging and (yield from _were_fenced(sequence, old, wanted.new, registered)):
        return (yield from sequence.fenced(dict.fromkeys(registered, wanted.new)))
    registered += yield from _catch_up(sequence, wanted, lagging)
    return (yield from _finish(sequence, old, wanted, registered))


def unregister(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """Unregister all paths. Raises NoPathError.

    The path that holds the reservation comes first. If it is away the reservation would stay, so it is moved before.
    """
    yield from sequence.mark()
    key = sequence.key if wanted.ignores_key else wanted.key
    if key and not _is_surely_wrong(sequence, wanted):
        yield from sequence.note(Entry(0, (key,)))
    outcome, holder = yield from bring_here(sequence, key, leaving=True)
    if not is_good(outcome):
        return outcome
    if holder is None:
        answers = yield from _until_good(sequence, wanted)
    elif not (answers := (yield from sequence.ask({holder: wanted.command}))):
        return (yield from unregister(sequence, wanted))
    if not good(answers):
        return refusal(answers) or (yield from sequence.unless_done(CONFLICT))
    rest = [path for path in sequence.live if path not in answers]
    answers |= yield from sequence.ask(dict.fromkeys(rest, wanted.command))
    if not wanted.ignores_key and not wanted.key and conflicting(answers):
        return CONFLICT
    if (refused := refusal(answers)) is not None:
        return refused
    if not (yield from sequence.is_undisturbed()):  # multipathd may have registered a path that came back
        sequence.unsettled = list(sequence.live)
    sequence.key, sequence.holds = 0, False
    return GOOD


def _entry(sequence: Sequence, old: int, new: int) -> Entry:
    """What to write ahead. A first registration is undone, for the guest to try again, and so is a change of keys."""
    if sequence.key and old != sequence.key:  # it is wrong, or we were fenced, and know it not
        return Entry(sequence.key, (new,))
    if old == new:
        return Entry(new)
    had = tuple(sequence.live) if sequence.key else ()
    return Entry(old, (new,), new if old else 0, had)


def _is_surely_wrong(sequence: Sequence, wanted: Wanted) -> bool:
    """Whether the guest names another key than the one that we know our paths to have: nothing will come of it."""
    return not wanted.ignores_key and bool(sequence.key) and wanted.key != sequence.key


def _old_key(sequence: Sequence, wanted: Wanted) -> Steps[int]:
    """The key that the paths have before, or should have; 0 for none, and where it cannot be told.

    A stale key is none: only a path that is away may have it, perhaps since before the host was fenced.
    """
    if not wanted.ignores_key:
        return wanted.key
    if wanted.new in sequence.stale:
        return 0
    return wanted.new if wanted.new in ((yield from sequence.keys()) or ()) else 0


def _until_good(sequence: Sequence, wanted: Wanted) -> Steps[dict[Path, Outcome]]:
    """Send the guest's command to one path after another, until one answers anything but a conflict.

    Where no key was named, a conflict says that we are registered already, and is final. Raises NoPathError.
    """
    answers: dict[Path, Outcome] = {}
    for path in list(sequence.live):
        answers |= yield from sequence.ask({path: wanted.command})
        if path in answers and (not is_conflict(answers[path]) or not wanted.key):
            break
    if not answers:
        raise NoPathError
    return answers


def _told_apart(sequence: Sequence, wanted: Wanted, lagging: list[Path]) -> Steps[tuple[list[Path], list[Path]]]:
    """Which of these paths another path's command has registered, that is for more than one; and which none has."""
    if not wanted.flags & (ALL_TG_PT | SPEC_I_PT):
        return [], lagging
    reached = yield from sequence.probe(lagging, wanted.new)
    return reached, [path for path in lagging if path in sequence.live and path not in reached]


def _none_registered(sequence: Sequence, wanted: Wanted, refused: Outcome | None) -> Steps[Outcome]:
    """What to answer; if a path that has gone away may be registered, with others that it reaches, those are undone.

    It may have caused the conflict of another that it reaches, and that has gone away as it was asked for its key.
    """
    if refused is None and not wanted.flags & (ALL_TG_PT | SPEC_I_PT):
        return CONFLICT
    outcome = yield from sequence.unless_done(refused or CONFLICT)
    if outcome == NO_PATH and not sequence.key:
        yield from sequence.register(sequence.live, wanted.new, 0)
    return outcome


def _undo(sequence: Sequence, new: int, old: int, paths: list[Path], answer: Outcome) -> Steps[Outcome]:
    """Give the paths their old key back, and `answer`; if they were fenced, no key."""
    sequence.aptpl = sequence.aptpl_before
    yield from sequence.register(paths, new, old)
    if old and (yield from sequence.lost(sequence.live, old)):
        return (yield from sequence.fenced(dict.fromkeys(sequence.live, old)))
    return answer


def _were_fenced(sequence: Sequence, old: int, new: int, registered: list[Path]) -> Steps[bool]:
    """Whether the paths without their old key must be taken to have lost it to a fencer, and not to be new."""
    if (yield from sequence.is_undisturbed()):
        return False
    return bool(old) or (yield from sequence.lost(registered, new))


def _catch_up(sequence: Sequence, wanted: Wanted, lagging: Iterable[Path]) -> Steps[list[Path]]:
    """Register the paths that had another key, or none, and were not fenced."""
    command = wanted.ignoring_for_other_paths() if wanted.ignores_key else wanted.for_other_paths(0)
    answers = yield from sequence.ask(dict.fromkeys(lagging, command))
    caught_up = good(answers)
    left = [path for path in answers if path not in caught_up]
    sequence.remarks += [f"{path} has a key that is not ours, and keeps it" for path in left]
    return caught_up


def _is_one_missing(sequence: Sequence, old: int, new: int, registered: list[Path]) -> Steps[bool]:
    """Whether a path that did not answer was fenced, perhaps after it had been registered.

    The unit has fewer of the two keys then than paths had the old one; of a first registration that cannot be told.
    """
    keys = (yield from sequence.keys()) or []
    if not old:
        return sequence.tally.may_have_lost(keys.count(new) - len(registered))
    had = (sequence.entry.had if sequence.entry is not None else ()) or sequence.usable
    return old != new and not sequence.tally.is_exact and sum(key in (old, new) for key in keys) < len(had)


def _take_along(sequence: Sequence, old: int, new: int, held: Reservation) -> Steps[bool]:
    """Move the reservation of a path that is away with the old key; False if that is gone. Raises NoPathError."""
    outcome = yield from sequence.ask_one(commands.preempt(new, old, held.scope_and_type))
    if not is_conflict(outcome):
        return True
    yield from sequence.look()  # a path that has not answered may have done it
    return sequence.reservation == Reservation(new, held.scope_and_type)


def _finish(sequence: Sequence, old: int, wanted: Wanted, registered: list[Path]) -> Steps[Outcome]:
    """Take along the reservation of a path that is away, and look whether we were fenced meanwhile.

    With ALL_TG_PT paths through one port of ours register each other again, so that fencing would not show.
    """
    new, hides_fencing = wanted.new, not old and wanted.flags & ALL_TG_PT and len(registered) > 1
    yield from sequence.look()
    held = sequence.reservation
    if hides_fencing and not sequence.tally.is_exact:
        yield from sequence.withdraw(dict.fromkeys(registered, new))
        return CONFLICT if sequence.tally.is_answered else NO_PATH
    taken = sequence.lost_an_answer and (yield from _is_one_missing(sequence, old, new, registered))
    if old not in (0, new) and held is not None and held.key == old and (yield from sequence.we_hold()):
        taken = not (yield from _take_along(sequence, old, new, held)) or taken
    if taken or (yield from sequence.lost(registered, new)):
        return (yield from sequence.fenced(dict.fromkeys(registered, new)))
    sequence.key = new
    sequence.holds = sequence.holds and held is not None and held.key in (0, old, new)
    return GOOD
