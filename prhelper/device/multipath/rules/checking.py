"""Whether registrations are gone that no sequence of ours has removed, while the paths were here all the time.

multipathd, from 0.13, unregisters a path that comes back where it does not know the key any more, and nothing in sysfs
tells of it. The unit does: it has our key fewer times than at the end of the last sequence. So has a unit on which the
host was fenced. But a fencer's PREEMPT removes the key from all paths at once, be they here or away, and multipathd
gives it to a path only as it comes back. So a path that had the key at the end of the last sequence, and has it now, or
is away with it, proves that the host was not fenced. Where there is none it was, and nothing is restored.
"""

from .sending import NoPathError
from .sequence import Sequence
from .steps import Entry, Memory, Path, Paths, Steps


def is_as_left(memory: Memory, paths: Paths) -> Steps[bool]:
    """Whether the unit has our key as often as at the end of the last sequence, or does not tell. Changes nothing."""
    if not memory.key:
        return True
    try:
        return (yield from _number(Sequence(paths, memory), memory.key)) in (None, memory.registered or None)
    except NoPathError:
        return True


def check(sequence: Sequence, memory: Memory) -> Steps[Memory]:
    """What is still settled, before anything else is done. Raises NoPathError."""
    if not memory.key and (known := memory.told.key):  # by multipathd, which gives it to a path that comes back
        if known not in sequence.stale:
            sequence.stale = (*sequence.stale, known)
        return memory._replace(settled=frozenset())
    key, settled = memory.key, [path for path in sequence.live if path in memory.settled]
    number = (yield from _number(sequence, key)) if key and settled else None
    is_as_left = number == memory.registered and len(settled) == len(sequence.live)
    if number is None or (is_as_left and not memory.gave_up):
        return memory
    if not number:
        yield from _forget(sequence, key)
        return memory
    yield from sequence.mark()
    having = yield from sequence.probe(settled, key)
    lost = [path for path in settled if path in sequence.live and path not in having]
    if not lost:
        return memory
    sequence.doubts_multipathd = True
    if having or (yield from _is_away_with_key(sequence, memory)):
        sequence.holds = sequence.holds and sequence.reservation is not None
        sequence.remarks += [f"{path} was unregistered, but the host was not fenced: registered again" for path in lost]
    else:
        yield from _forget(sequence, key)
    return memory._replace(settled=frozenset(having))


def count_registered(sequence: Sequence, memory: Memory) -> Steps[int]:
    """What to remember as `Memory.registered`. Raises NoPathError."""
    if not sequence.key:
        return 0
    number = yield from _number(sequence, sequence.key)
    return memory.registered if number is None else number


def surely_ours(sequence: Sequence, memory: Memory, registered: int) -> int:
    """What to remember as `Memory.surely_ours`; `registered` registrations have the key at the end of the sequence.

    Each is accounted for by a path that we have given the key, or they are as many as they were.
    """
    given = [*sequence.given_to.values()].count(sequence.key)
    is_as_before = sequence.key == memory.key and registered == memory.surely_ours
    return registered if registered == given or is_as_before else 0


def _number(sequence: Sequence, key: int) -> Steps[int | None]:
    """How many paths of ours have the key; if the unit does not tell whose, how many at all; None if it does not tell.

    Raises NoPathError.
    """
    keys = yield from sequence.keys()
    return None if keys is None else keys.count(key)


def _forget(sequence: Sequence, key: int) -> Steps[None]:
    """The host was fenced, or the unit cleared. A path that has the key all the same got it from multipathd."""
    sequence.key, sequence.holds = 0, False
    sequence.stale = (*sequence.stale, key)
    sequence.remarks.append("all its registrations are gone: fenced by another host, or cleared")
    yield from sequence.note(Entry(0))


def _is_away_with_key(sequence: Sequence, memory: Memory) -> Steps[bool]:
    """Whether a path that is away surely has the key. Raises NoPathError."""
    ours = yield from sequence.registrations_of_ours()
    if ours is None:
        return False
    back: list[Path] = [path for path in sequence.live if path not in memory.settled]
    here = yield from sequence.probe(back, memory.key)
    late = memory.gave_up.difference(sequence.live)  # these may have got it after the host was fenced
    return [each.key for each in ours].count(memory.key) > len(here) + len(late)
