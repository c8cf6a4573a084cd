"""What can go wrong on a channel.

Ended, closed and broken are three different things, and anyio already has a name for each; they are used here under
those names so that code written for anyio's streams handles channels too:

* ``EndOfStream``: the peer finished properly; nothing more will come.
* ``ClosedResourceError``: this side closed the channel, perhaps from another thread, perhaps during the wait.
* ``BrokenResourceError``: the peer vanished or the connection failed; the ``OSError`` is the cause.
* ``BusyResourceError``: another coroutine is already waiting in this direction.
* ``IncompleteRead``: the peer ended in the middle of what was being read.
"""

from anyio import BrokenResourceError, BusyResourceError, ClosedResourceError, EndOfStream, IncompleteRead

__all__ = [
    "BrokenResourceError",
    "BusyResourceError",
    "ClosedResourceError",
    "DescriptorsTruncatedError",
    "EndOfStream",
    "IncompleteRead",
    "ShortageError",
]


class DescriptorsTruncatedError(BrokenResourceError):
    """More descriptors came with the data than there was room for, or than this process may open.

    Those that did arrive have been closed. What the peer meant cannot be known any more.
    """


class ShortageError(BrokenResourceError):
    """The kernel has no memory for a write just now (ENOBUFS, ENOMEM). Nothing was written; `write_all` tries again."""
