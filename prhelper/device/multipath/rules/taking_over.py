"""Moving a reservation that is held with our key to a path of ours that is here.

The holder may be a path of ours that is away, or another host that shares our key: the virtual machine's last one, in
a migration. PREEMPT of our own key would move the reservation, and unregister all paths but one, whose writes would
fail. So

    1. one path, the keeper, stays as it is, and the others get a temporary key, T, in place of the key K;
    2. the keeper sends PREEMPT of K: whatever else has K goes, and the keeper holds;
    3. the others get K back.

K is in READ KEYS all the time, so a fencer that reads first (fence_scsi, fence_mpath) finds something to preempt. If it
does so during the sequence the keeper loses K, and the paths with T do not; the sequence finds that out, in 2 or at its
end, and unregisters them. Until then they can still write. So can they if another host that holds with K lets go
between the last look and the PREEMPT, which takes K from the keeper then: there is nothing else that it could preempt.
If it has let go before, the keeper only shows in 2 that it has K still.

The keeper has K from the beginning to the end, so it proves that the host was not fenced. Another path that has lost T
is registered again: multipathd gives K to a path that comes back, whatever key it has, and 2 takes that away. It cannot
be told to give T meanwhile: it may take seconds to answer, and the others would have T for so long. No fencer is after
T alone, which is nobody's key.

A path of ours that holds the reservation and is here must be the keeper: another would take itself away in 2.
"""

from ....scsi.outcome import Outcome
from ....scsi.parameter_data import Reservation
from ....scsi.reservation import OutAction
from . import commands
from .answers import CONFLICT, GOOD, good, is_conflict, is_good, refusal
from .sending import NoPathError
from .sequence import Sequence
from .steps import Entry, Path, Steps

MAX_ROUNDS = 3
"""How often paths are looked at again before the PREEMPT, while they come back."""


def live_holder(sequence: Sequence, key: int, held: Reservation) -> Steps[Path | None]:
    """The path of ours that is here and holds `held`, if any. Raises NoPathError.

    It is the one that may RESERVE once more, which changes nothing.
    """
    holder = yield from _holder_among(sequence, list(sequence.live), key, held)
    if not sequence.live:
        raise NoPathError
    return holder


def _holder_among(sequence: Sequence, paths: list[Path], key: int, held: Reservation) -> Steps[Path | None]:
    for path in paths:
        if good((yield from sequence.ask({path: commands.reserve(key, held.scope_and_type)}))):
            return path
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

    GOOD without such a path: the holder has let go meanwhile, so that there is nothing to take over.

    keeper: the path of ours that is here and holds it, if any.
    leaving: whether it is done to unregister, so that after a crash no key is to be left.
    Raises NoPathError.
    """
    keeper = keeper or (yield from first_with(sequence, key))
    if keeper is None:
        return CONFLICT, None
    temporary = commands.temporary_key(key, (yield from sequence.all_keys()) or ())
    yield from _note(sequence, keeper, key, temporary, leaving)

    sequence.doubts_multipathd = True
    keeper, moved, outcome = yield from _set_aside(sequence, keeper, key, temporary, sequence.reservation)
    is_held = True
    while outcome is None:
        is_held = _is_held_with(sequence, key)
        if is_held:
            yield from _note(sequence, keeper, key, temporary, leaving)
            answers = yield from sequence.ask({keeper: commands.preempt(key, key, scope_and_type, action)})
        else:
            answers = yield from sequence.register([keeper], key, key)
        if (outcome := answers.get(keeper)) is None:
            successor, moved = yield from _next_keeper(sequence, moved, temporary, key)
            keeper, outcome = successor or keeper, None if successor else CONFLICT
            if successor and (yield from _all_hold(sequence, scope_and_type)):
                outcome = GOOD
    if is_conflict(outcome):
        return (yield from sequence.fenced(dict.fromkeys(moved, temporary))), None

    restored = [keeper, *(yield from _give_back(sequence, keeper, moved, temporary, key))]
    expected = Reservation(key, scope_and_type) if is_good(outcome) and is_held else None
    if (yield from _was_disturbed(sequence, restored, key, expected)):
        return (yield from sequence.fenced(dict.fromkeys(sequence.live, key))), None
    sequence.unsettled += [path for path in sequence.live if path not in restored]
    sequence.holds = is_held and (sequence.holds or is_good(outcome))
    return outcome, keeper if is_held else None


def first_with(sequence: Sequence, key: int) -> Steps[Path | None]:
    """The first path that has this key. Raises NoPathError."""
    for path in list(sequence.live):
        if (yield from sequence.probe([path], key)):
            return path
    if not sequence.live:
        raise NoPathError
    return None


def _set_aside(
    sequence: Sequence, keeper: Path, key: int, temporary: int, held: Reservation | None
) -> Steps[tuple[Path, list[Path], Outcome | None]]:
    """Give all paths but the keeper the temporary key.

    A path may have come back meanwhile with the key, or may have got it from multipathd, which ignores what the path
    has. The PREEMPT would take it away again, and writes on the path would fail. So it is looked again until nothing
    has changed. A path that has come back and holds the reservation, `held`, becomes the keeper.
    Returns the keeper, those that have the temporary key, and an answer if it ends here. Raises NoPathError.
    """
    moved: list[Path] = []
    rounds = MAX_ROUNDS
    while rounds:
        rounds -= 1
        rest = [path for path in sequence.live if path not in (keeper, *moved)]
        answers = yield from sequence.register(rest, key, temporary)
        moved += good(answers)
        if (refused := refusal(answers)) is not None:
            return keeper, moved, refused
        came_back = yield from sequence.find_new_paths()
        if held is not None and came_back:
            holder = yield from _holder_among(sequence, came_back, key, held)
            if holder not in (None, keeper):  # once at most: the keeper before has to be set aside, too
                keeper, rounds = holder, max(rounds, 1)
        if (yield from sequence.is_undisturbed()):
            having = moved
        else:
            having = yield from sequence.probe(moved, temporary)
        if not came_back and len(having) == len(moved):
            break
        moved = having
    return keeper, moved, None


def _is_held_with(sequence: Sequence, key: int) -> bool:
    """Whether the reservation had this key at the last look. Else PREEMPT of it would take it from who sends that."""
    return sequence.reservation is not None and sequence.reservation.key == key


def _note(sequence: Sequence, keeper: Path, key: int, temporary: int, leaving: bool) -> Steps[None]:
    """Write ahead. A path that has gone away with K is not among those that `had` it: the PREEMPT unregisters it.

    The keeper is, wherever it is: as long as no other path sends the PREEMPT, it loses K to nothing but fencing.
    """
    had = tuple(dict.fromkeys((keeper, *sequence.live)))
    yield from sequence.note(Entry(0, (key, temporary)) if leaving else Entry(key, (temporary,), had=had))


def _next_keeper(
    sequence: Sequence, moved: list[Path], temporary: int, key: int
) -> Steps[tuple[Path | None, list[Path]]]:
    """The keeper is away, with K: another path gets K in its place. None: K is gone, and the host was fenced.

    A path with neither T nor K has lost it to the PREEMPT of the keeper that got no answer, after multipathd had given
    it K, or to somebody who is after T. It is registered as any other. For the keeper that is away vouches for all:
    K must be there before, and once more afterwards. Should all paths be away by then, the entry has the keeper still.
    Returns the rest of `moved`, too. Raises NoPathError.
    """
    while (yield from _is_there(sequence, key, 1)):
        if not moved:
            raise NoPathError
        path, *moved = moved
        if not (yield from _gets(sequence, path, key, temporary)):
            continue
        if (yield from _is_there(sequence, key, 2)):
            return path, moved
        yield from sequence.register([path], key, 0)
        break
    return None, moved


def _all_hold(sequence: Sequence, scope_and_type: int) -> Steps[bool]:
    """Whether every registrant holds the reservation, as only the PREEMPT that got no answer can have brought about.

    Another PREEMPT of K would take it from all paths then, and from the one that sends it. Raises NoPathError.
    """
    yield from sequence.look()
    held = sequence.reservation
    return held is not None and held.is_all_registrants and held.scope_and_type == scope_and_type


def _gets(sequence: Sequence, path: Path, key: int, temporary: int) -> Steps[bool]:
    """Give a path the key, whichever it has: multipathd may have given it K already."""
    for old in (temporary, key, 0):
        if good((yield from sequence.register([path], old, key))):
            return True
    return False


def _is_there(sequence: Sequence, key: int, times: int) -> Steps[bool]:
    """Whether so many paths of ours, here or away, surely have the key. Raises NoPathError."""
    return ((yield from sequence.keys()) or []).count(key) >= times


def _give_back(sequence: Sequence, keeper: Path, moved: list[Path], temporary: int, key: int) -> Steps[list[Path]]:
    """Give the paths that had the temporary key their own again; returns those that have it.

    A path without any had K from multipathd, and has lost it to the PREEMPT. Writes on it fail until it is registered,
    so nothing is asked before. If others have come in between, the keeper tells.
    """
    having = good((yield from sequence.register(moved, temporary, key)))
    bare = [path for path in sequence.live if path not in (keeper, *having)]
    return having + good((yield from sequence.register(bare, 0, key)))


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
