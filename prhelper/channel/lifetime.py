"""How long a channel's descriptor lives, and which coroutines wait on it.

The kernel reuses the number of a closed descriptor at once, so a descriptor must outlive every call and every
registration that names it. Each use *holds* it: for one call, or for a whole wait. Closing ends the lifetime and wakes
the waits; the last hold to be released disposes of the descriptor.

Several holds are taken for each message, so they take no lock (docs/architecture.md, Lock-free steps): a hold is
counted before it looks at `closed`, and `close` sets `closed` before it looks for holds. Either may find that it is
time to dispose; the one that pops `dispose` does it.
"""

import threading
from collections.abc import Callable

from .errors import BusyResourceError, ClosedResourceError
from .waiter import Direction, Waiter


class Lifetime:
    """Counts the holds on a channel's descriptors. All methods may be called from any thread.

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
        self._holds.pop()
        if self.closed:
            self._dispose_if_unused()

    def begin_wait(self, direction: Direction, waiter: Waiter) -> None:
        """Enter a wait, under a hold. Raises BusyResourceError if a coroutine waits in `direction` already."""
        if self._waiters.setdefault(direction, waiter) is not waiter:
            raise BusyResourceError(f"waiting to {direction.value} on")
        if self.closed:
            waiter.wake()

    def end_wait(self, direction: Direction) -> None:
        del self._waiters[direction]

    def wake(self, direction: Direction) -> None:
        """End the wait in `direction`, if there is one."""
        if (waiter := self._waiters.get(direction)) is not None:
            waiter.wake()

    def close(self) -> None:
        """End the lifetime. May be called again."""
        with self._ending:
            self.closed = True
        for direction in Direction:
            self.wake(direction)
        self._dispose_if_unused()

    def end_undisposed(self) -> None:
        """End the lifetime without disposing: the descriptors are the caller's from then on.

        Raises BusyResourceError while there are holds, ClosedResourceError after `close`.
        """
        with self._ending:  # else the end below could undo a `close`
            if self._holds:
                raise BusyResourceError("using")
            if self.closed:
                raise ClosedResourceError
            dispose = self._dispose.pop()
            self.closed = True
            if self._holds:  # begun since, perhaps without having seen `closed`
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
