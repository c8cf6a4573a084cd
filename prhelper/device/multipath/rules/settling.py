"""A path that comes back, or is new: it gets the key that the others have, unless the host was fenced meanwhile.

A fencer's PREEMPT removes our key from all paths, also from those that are away. So as long as the unit has the key at
all we were not fenced, and the path may have it. It is looked again afterwards: if only this path has the key, we were
fenced in between, and it is taken back; so is the key of paths that have come back since, which multipathd registers as
it sees that one. Hence one path after another: two of them would vouch for each other. And if it cannot be looked
again, the journal says which path must not vouch for any.
"""

from .answers import good
from .sequence import Sequence
from .steps import Entry, Path, Steps


def settle(sequence: Sequence, path: Path) -> Steps[None]:
    """Bring one path in step with the map's key. Raises NoPathError."""
    key, stale = sequence.key, sequence.stale
    if path not in sequence.live or not (key or stale):
        return
    yield from sequence.mark()
    if key and ((yield from sequence.probe([path], key)) or path not in sequence.live):
        return
    if (keys := (yield from sequence.keys())) is None:
        sequence.leave_out(path)
        return
    if key not in keys:  # no path of ours has it any more, here or away
        sequence.key, sequence.holds = 0, False
    wanted = sequence.key
    if wanted:
        yield from sequence.note(Entry(wanted, doubtful=path))
    for old in (*stale, *([0] if wanted else [])):
        if old != key and good((yield from sequence.register([path], old, wanted))):
            break
    if wanted and not (yield from sequence.is_undisturbed()):
        yield from resolve(sequence, wanted, path)


def resolve(sequence: Sequence, key: int, doubtful: Path | None) -> Steps[None]:
    """Take the key back from a path that was being settled, if no other path of ours has it, here or away.

    doubtful: that path; None if it cannot be told which: then one path that has the key proves nothing.
    Raises NoPathError.
    """
    having = yield from sequence.probe(sequence.live, key)
    if doubtful in sequence.live and doubtful not in having:
        return
    suspects = having if doubtful is None else [doubtful]
    if {*having} <= {*suspects} and (yield from sequence.count_of(suspects, [key])) < 2:
        sequence.remarks.append(f"{', '.join(suspects)}: fenced by another host meanwhile, taken back")
        yield from sequence.withdraw(dict.fromkeys(sequence.live, key))
        sequence.stale = (*sequence.stale, key)  # should it be away
