"""How long a channel's descriptor lives, and who waits on it.

The kernel gives a closed number to the next file that is opened, so a descriptor must outlive every call and every
registration that names it. Whoever uses it *holds* it: for one call, or for a whole wait. Closing marks the lifetime as
over and wakes those who wait; the descriptor is disposed of by the last to let go.

There is no lock: several holds are taken for each message. Instead each side writes before it reads. A hold is counted
and then asks whether the channel is closed; `close` says so and then asks whether there are holds. What both may find
to do, to dispose, is done by whoever takes it out of a list of one. Appending to, and taking from, a list or dict is
one step for other threads.
"""

import threading
from collections.abc import Callable

from .errors import BusyResourceError, ClosedResourceError
from .waiter import Direction, Waiter


class Lifetime:
    """Counts the holds on one channel's descriptors. All methods may be called from any thread.

    dispose: closes the descriptors; called exactly once, by `close` or by the last `release` after it.
    """

    def __init__(self, dispose: Callable[[], None]) -> None:
        self.closed = False
        self._ending = threading.Lock()
        self._dispose = [dispose]
        self._holds: list[None] = []
        self._waiters: dict[Direction, Waiter] = {}

    def hold(self) -> None:
        """Keep the descriptors open until `release`. Raises ClosedResourceError after `close`."""
        self._holds.append(None)
        if self.closed:
            self.release()
            raise ClosedResourceError

    def release(self) -> None:
        """Let go again."""
        self._holds.pop()
        if self.closed:
            self._dispose_if_unused()

    def begin_wait(self, direction: Direction, waiter: Waiter) -> None:
        """Note, under a hold, who waits in `direction`. Raises BusyResourceError if somebody does already."""
        if self._waiters.setdefault(direction, waiter) is not waiter:
            raise BusyResourceError(f"waiting to {direction.value} on")
        if self.closed:
            waiter.wake()

    def end_wait(self, direction: Direction) -> None:
        """Forget who waits in `direction`."""
        del self._waiters[direction]

    def wake(self, direction: Direction) -> None:
        """End the wait in `direction`, if there is one."""
        if (waiter := self._waiters.get(direction)) is not None:
            waiter.wake()

    def close(self) -> None:
        """End the lifetime. Harmless when that was done before."""
        with self._ending:
            self.closed = True
        for direction in Direction:
            self.wake(direction)
        self._dispose_if_unused()

    def end_undisposed(self) -> None:
        """End the lifetime without disposing: the descriptors are the caller's from then on.

        Raises BusyResourceError while there are holds, ClosedResourceError after `close`.
        """
        with self._ending:  # so that no `close` is undone below
            if self._holds:
                raise BusyResourceError("using")
            if self.closed:
                raise ClosedResourceError
            dispose = self._dispose.pop()
            self.closed = True
            if self._holds:  # taken since, by a thread that may not have seen `closed`
                self.closed = False
                self._dispose.append(dispose)
                raise BusyResourceError("using")

    def _dispose_if_unused(self) -> None:
        if self._holds:
            return
        try:
            dispose = self._dispose.pop()
        except IndexError:
            return
        dispose()
