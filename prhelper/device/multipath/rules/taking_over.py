"""Moving a reservation that is held with our key to a path of ours that is here.

The holder may be a path of ours that is away, or another host that shares our key: the virtual machine's last one, in
a migration. PREEMPT of our own key would move the reservation, and unregister all paths but one, whose writes would
fail. So

    1. one path, the keeper, stays as it is, and the others get a temporary key, T, in place of the key K;
    2. the keeper sends PREEMPT of K: whatever else has K goes, and the keeper holds;
    3. the others get K back.

K is in READ KEYS all the time, so a fencer that reads first (fence_scsi, fence_mpath) finds something to preempt. If it
does so during the sequence the keeper loses K, and the paths with T do not; the sequence finds that out, in 2 or at its
end, and unregisters them. Until then they can still write.

A path of ours that holds the reservation and is here must be the keeper: another would take itself away in 2.
"""

from ....scsi.outcome import Outcome
from ....scsi.parameter_data import Reservation
from ....scsi.reservation import OutAction
from . import commands
from .answers import CONFLICT, GOOD, conflicting, good, is_conflict, is_good, refusal
from .sending import NoPathError
from .sequence import Sequence
from .steps import Entry, Path, Steps


def live_holder(sequence: Sequence, key: int, held: Reservation) -> Steps[Path | None]:
    """The path of ours that is here and holds `held`, if any. Raises NoPathError.

    It is the one that may RESERVE once more, which changes nothing.
    """
    for path in list(sequence.live):
        answers = yield from sequence.ask({path: commands.reserve(key, held.scope_and_type)})
        if good(answers):
            return path
    if not sequence.live:
        raise NoPathError
    return None


def bring_here(sequence: Sequence, key: int, leaving: bool = False) -> Steps[tuple[Outcome, Path | None]]:
    """If a path of ours holds the reservation with `key`, the one that does, after a take-over if it was away.

    Not GOOD: we were fenced meanwhile, or the unit refused. Raises NoPathError.
    """
    held = sequence.reservation
    if held is None or not held.key == key == sequence.key or not (yield from sequence.we_hold()):
        return GOOD, None
    if (holder := (yield from live_holder(sequence, key, held))) is not None:
        return GOOD, holder
    return (yield from take_over(sequence, key, held.scope_and_type, leaving=leaving))


def take_over(
    sequence: Sequence,
    key: int,
    scope_and_type: int,
    action: int = OutAction.PREEMPT,
    keeper: Path | None = None,
    leaving: bool = False,
) -> Steps[tuple[Outcome, Path | None]]:
    """Take a reservation over whose holder has our key `key`. Returns the answer and the path that holds it then.

    keeper: the path of ours that is here and holds it, if any.
    leaving: whether it is done to unregister, so that after a crash no key is to be left.
    Raises NoPathError.
    """
    keeper = keeper or (yield from first_with(sequence, key))
    if keeper is None:
        return CONFLICT, None
    others = [path for path in sequence.live if path != keeper]
    temporary = commands.temporary_key(key, (yield from sequence.all_keys()) or ())
    yield from _note(sequence, key, temporary, [keeper, *others], leaving)

    sequence.doubts_multipathd = True
    answers = yield from sequence.register(others, key, temporary)
    moved, outcome = good(answers), refusal(answers)
    while outcome is None:
        yield from _note(sequence, key, temporary, [keeper, *moved], leaving)
        outcome = (yield from sequence.ask({keeper: commands.preempt(key, key, scope_and_type, action)})).get(keeper)
        if outcome is None:
            successor, moved = yield from _next_keeper(sequence, moved, temporary, key)
            keeper, outcome = successor or keeper, None if successor else CONFLICT
    if is_conflict(outcome):
        return (yield from sequence.fenced(dict.fromkeys(moved, temporary))), None

    answers = yield from sequence.register(moved, temporary, key)
    restored = [keeper, *good(answers)]
    expected = Reservation(key, scope_and_type) if is_good(outcome) else None
    if conflicting(answers) or (yield from _was_disturbed(sequence, restored, key, expected)):
        return (yield from sequence.fenced(dict.fromkeys(restored, key))), None
    sequence.holds = sequence.holds or is_good(outcome)
    return outcome, keeper


def first_with(sequence: Sequence, key: int) -> Steps[Path | None]:
    """The first path that has this key. Raises NoPathError."""
    for path in list(sequence.live):
        if (yield from sequence.probe([path], key)):
            return path
    if not sequence.live:
        raise NoPathError
    return None


def _note(sequence: Sequence, key: int, temporary: int, having: list[Path], leaving: bool) -> Steps[None]:
    """Write ahead. A path that has gone away with K is not among `having`: the PREEMPT unregisters it."""
    entry = Entry(0, (key, temporary)) if leaving else Entry(key, (temporary,), had=tuple(having))
    yield from sequence.note(entry)


def _next_keeper(
    sequence: Sequence, moved: list[Path], temporary: int, key: int
) -> Steps[tuple[Path | None, list[Path]]]:
    """The keeper is away, with K: another path gets K in its place. None: it has lost T, and was fenced.

    Returns the rest of `moved`, too. Raises NoPathError.
    """
    while moved:
        path, *moved = moved
        answers = yield from sequence.register([path], temporary, key)
        if path in answers:
            return (path if good(answers) else None), moved
    raise NoPathError


def _was_disturbed(sequence: Sequence, paths: list[Path], key: int, expected: Reservation | None) -> Steps[bool]:
    """Whether one of the paths has lost `key`; they are probed if the reservation is not as it should be, too."""
    undisturbed = yield from sequence.is_undisturbed()
    held = sequence.reservation
    in_place = expected is None or (held is not None and _is_as(held, expected))
    if undisturbed and in_place:
        return False
    return (yield from sequence.lack(paths, key))


def _is_as(held: Reservation, expected: Reservation) -> bool:
    key = 0 if expected.is_all_registrants else expected.key
    return held == Reservation(key, expected.scope_and_type)
