"""A sequence that was not ended: the process died, or all paths did. Its entry in the journal tells what was under way.

Each REGISTER names the key that it replaces, so that no path gets a key which has none. That keeps fencing in force. A
path that had a key, and has none of those now that the sequence could have given it, was fenced; so was one that is
away, if the unit has fewer of these keys than paths had them. Then the others are unregistered. Nor is a key restored
that no path of ours has any more, here or away.

After a restart of the machine the names of paths tell nothing. Then every path that is here must have one of the keys,
and a key of which it cannot be told whether the path that has it had it before is taken back.
"""

from .sending import NoPathError
from .sequence import Sequence
from .settling import resolve
from .steps import Entry, Path, Steps


def repair(sequence: Sequence, entry: Entry) -> Steps[None]:
    """Give every path that is here the key that was wanted; if we were fenced meanwhile, none. Raises NoPathError."""
    yield from sequence.mark()
    if entry.doubtful is not None:
        yield from resolve(sequence, entry.wanted, None if entry.is_of_another_boot else entry.doubtful)
        return
    sequence.doubts_multipathd = True
    candidates = [key for key in (*reversed(entry.passing), entry.wanted) if key]  # in this order they are withdrawn
    having = yield from sequence.probe_for(list(sequence.live), candidates)
    if (keys := (yield from sequence.keys())) is None:
        raise NoPathError
    present = [key for key in keys if key in candidates]
    had = tuple(sequence.live) if entry.had and entry.is_of_another_boot else entry.had
    lost = any(path in sequence.live and path not in having for path in had)
    lost = (yield from sequence.count_of(had, candidates)) < len(entry.had) or lost
    wanted = next((key for key in (entry.wanted, entry.new) if key in present), 0)
    if not entry.wanted:
        known = sequence.key if sequence.key not in candidates else 0
        yield from sequence.withdraw(having)
        sequence.key = known
    elif lost or not wanted:
        yield from sequence.fenced(having)
    else:
        yield from _restore(sequence, having, wanted, present.count(wanted))


def _restore(sequence: Sequence, having: dict[Path, int], wanted: int, present: int) -> Steps[None]:
    """Give the paths one key, which `present` paths of ours have already, here or away."""
    away = present - [*having.values()].count(wanted)
    for key in {*having.values()} - {wanted}:
        yield from sequence.register([path for path in having if having[path] == key], key, wanted)
    sequence.key = wanted
    if (yield from sequence.lost([*having], wanted, away)):
        yield from sequence.fenced(dict.fromkeys(having, wanted))
