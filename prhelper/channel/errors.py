"""What can go wrong on a channel.

Ended, closed and broken are three different things, and anyio already has a name for each. Channels raise anyio's
errors, so that code written for anyio's streams handles them too (`byte_stream`):

* `EndOfStream`: the peer has ended the stream properly.
* `ClosedResourceError`: this side has closed the channel, perhaps from another thread, perhaps during the wait.
* `BrokenResourceError`: the connection has failed; the OSError is the cause.
* `BusyResourceError`: another coroutine already waits in this direction.
* `IncompleteRead`: the stream has ended in the middle of what was being read.
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

    Those that did arrive have been closed: the message is incomplete.
    """


class ShortageError(BrokenResourceError):
    """The kernel is short of memory for a write (ENOBUFS, ENOMEM). Nothing was written; `write_all` retries."""
