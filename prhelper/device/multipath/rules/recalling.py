"""What a process that has just started finds out: what the one before it left on the paths.

Several hosts may share a key, so it is READ FULL STATUS that tells what is ours. Without it there is the journal, which
knows the key; whether we hold the reservation cannot be told then, and we do not.

An entry that was damaged is no more. Then a temporary key of a take-over that was cut off is known by the key that it
stands for, which a path has, or multipathd. It is taken for stale: it is replaced, or removed if that key is gone.
"""

from .commands import temporary_key
from .sequence import Sequence
from .steps import Memory, Steps, Tell, Told


def recall(sequence: Sequence, memory: Memory) -> Steps[Memory]:
    """The key that our paths have, and whether one of them holds the reservation. Raises NoPathError."""
    told = _known((yield Tell("getprkey")))
    journal = memory.entry.wanted if memory.entry is not None else 0
    ours = yield from sequence.registrations_of_ours()
    if ours is None:
        sequence.key = journal  # if no path has it any more, settling tells
    else:
        keys = {each.key for each in ours} - {*sequence.stale}
        if memory.entry is None:
            temporary = keys & {temporary_key(key, ()) for key in (told.key, *keys)}
            sequence.stale = (*sequence.stale, *temporary)
            keys -= temporary
        only = keys if len(keys) == 1 else ()
        sequence.key = next((key for key in (journal, told.key, *only) if key in keys), 0)
        sequence.holds = any(each.holds for each in ours)
    return memory._replace(is_recalled=True, told=told)


def _known(reply: str) -> Told:
    """The reply to `getprkey`: a key, with `:aptpl` perhaps, or `none`. It says nothing of the status."""
    text, _, flags = reply.strip().partition(":")
    try:
        key = int(text, 16)
    except ValueError:
        return Told()
    return Told(key, flags == "aptpl") if 0 <= key < 1 << 64 else Told()
