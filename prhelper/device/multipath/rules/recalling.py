"""What a process that has just started finds out: what the one before it left on the paths.

Several hosts may share a key, so it is READ FULL STATUS that tells what is ours. Without it there is the journal, which
knows the key; whether we hold the reservation cannot be told then, and we do not.
"""

from .sequence import Sequence
from .steps import Entry, Memory, Steps, Tell, Told


def recall(sequence: Sequence, memory: Memory) -> Steps[Memory]:
    """The key that our paths have, and whether one of them holds the reservation. Raises NoPathError."""
    told = _known((yield Tell("getprkey")))
    journal = memory.entry.wanted if memory.entry is not None else 0
    ours = yield from sequence.registrations_of_ours()
    if ours is None:
        sequence.key = journal if journal in (yield from sequence.all_keys()) else 0
    else:
        keys = {each.key for each in ours} - {*sequence.stale} - _passing(memory.entry)
        only = keys if len(keys) == 1 else ()
        sequence.key = next((key for key in (journal, told.key, *only) if key in keys), 0)
        sequence.holds = any(each.holds for each in ours)
    return memory._replace(is_recalled=True, told=told)


def _passing(entry: Entry | None) -> set[int]:
    """The keys that paths have for a moment only."""
    return set() if entry is None else {*entry.passing} - {entry.new}


def _known(reply: str) -> Told:
    """The reply to `getprkey`: a key, with `:aptpl` perhaps, or `none`. It says nothing of the status."""
    key, _, flags = reply.strip().partition(":")
    try:
        return Told(int(key, 16), flags == "aptpl")
    except ValueError:
        return Told()
