"""How long a channel's descriptor lives, and who waits on it.

The kernel gives a closed number to the next file that is opened, so a descriptor must outlive every call and every
registration that names it. Whoever uses it *holds* it: for one call, or for a whole wait. Closing marks the lifetime as
over and wakes those who wait; the descriptor is disposed of by the last to let go.
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
        self._dispose = dispose
        self._lock = threading.Lock()
        self._holds = 0
        self._waiters: dict[Direction, Waiter] = {}

    def hold(self) -> None:
        """Keep the descriptors open until `release`. Raises ClosedResourceError after `close`."""
        with self._lock:
            if self.closed:
                raise ClosedResourceError
            self._holds += 1

    def release(self) -> None:
        """Let go again."""
        with self._lock:
            self._holds -= 1
            last = self.closed and not self._holds
        if last:
            self._dispose()

    def begin_wait(self, direction: Direction, waiter: Waiter) -> None:
        """Note, under a hold, who waits in `direction`. Raises BusyResourceError if somebody does already."""
        with self._lock:
            if direction in self._waiters:
                raise BusyResourceError(f"waiting to {direction.value} on")
            self._waiters[direction] = waiter
            closed = self.closed
        if closed:
            waiter.wake()

    def end_wait(self, direction: Direction) -> None:
        """Forget who waits in `direction`."""
        with self._lock:
            del self._waiters[direction]

    def wake(self, direction: Direction) -> None:
        """End the wait in `direction`, if there is one."""
        with self._lock:
            waiter = self._waiters.get(direction)
        if waiter is not None:
            waiter.wake()

    def close(self) -> None:
        """End the lifetime. Harmless when that was done before."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            waiters = list(self._waiters.values())
            unused = not self._holds
        for waiter in waiters:
            waiter.wake()
        if unused:
            self._dispose()
