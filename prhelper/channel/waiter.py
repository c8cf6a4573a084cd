"""One wait of one coroutine for one direction of a channel."""

import enum
import itertools
import select
import time
from collections.abc import Callable

BETWEEN, INSIDE = 1, 2
"""How far a channel is quiesced: waits for the next message return, or those inside a message as well."""


class Direction(enum.Enum):
    """What a coroutine waits for (QEMU: G_IO_IN and G_IO_OUT)."""

    READ = "read"
    WRITE = "write"

    # Members are singletons, so identity is enough; Enum's own __hash__ is a Python call on the hot path.
    __hash__ = object.__hash__


class Waiter:
    """A wait in progress: what it waits for, until when, and how to end it from outside.

    The channel makes one, passes it to the context that the coroutine runs in, and drops it when the wait is over. The
    context *arms* it with a function that makes the wait return early, and that any thread may call.

    fd: what to wait on; borrowed from the channel, which keeps it open until the wait is over. Negative in a Pause.
    deadline: a time of `time.monotonic`; None to wait for ever.
    """

    __slots__ = ("_waker", "deadline", "direction", "fd", "woken")

    def __init__(self, fd: int, direction: Direction, deadline: float | None) -> None:
        self.fd = fd
        self.direction = direction
        self.deadline = deadline
        self.woken = False
        self._waker: Callable[[], object] | None = None

    def remaining(self) -> float | None:
        """Seconds until the deadline, never negative; None when there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def arm(self, waker: Callable[[], object]) -> None:
        """Make `wake` call `waker`; a wake that came earlier calls it at once.

        It may be called twice, or late, because no lock is taken (docs/architecture.md, Lock-free steps).
        """
        self._waker = waker
        if self.woken:
            waker()

    def disarm(self) -> None:
        """Note that the wait is over: a later wake does nothing."""
        self._waker = None

    def wake(self) -> None:
        """End the wait, from any thread. Does nothing when it is over."""
        if self.woken:
            return
        self.woken = True
        if (waker := self._waker) is not None:
            waker()


_pauses = itertools.count(2)


class Pause(Waiter):
    """A wait for nothing but its deadline: `fd` is no descriptor but a negative number, which no other wait has."""

    __slots__ = ()

    def __init__(self, deadline: float) -> None:
        super().__init__(-next(_pauses), Direction.READ, deadline)


def is_ready(fd: int, direction: Direction, seconds: float = 0.0) -> bool:
    """Whether a descriptor is ready now, or becomes ready within `seconds`, for which this thread blocks."""
    poll = select.poll()
    poll.register(fd, select.POLLIN if direction is Direction.READ else select.POLLOUT)
    return bool(poll.poll(seconds * 1000))
