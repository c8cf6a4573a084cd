"""Handing things over between coroutines that run in different contexts.

The events and locks of an event loop belong to that loop. Between loops and plain threads only a descriptor can be
waited for everywhere, so both classes here are an eventfd and `current_context().wait`.
"""

import threading
from collections import deque
from typing import Generic, Self, TypeVar

from prhelper.channel import Direction, EventFd, Waiter, current_context

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue into which any thread puts, and from which one coroutine at a time gets, in whatever context it runs."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._news = EventFd()

    def put(self, item: T) -> None:
        """Add an item, from any thread; nobody gets it after `close`."""
        self._items.append(item)
        self._news.set()

    async def get(self) -> T:
        """The oldest item, once there is one."""
        while not self._items:
            self._news.clear()
            if not self._items:  # asked again: `put` adds first and tells after
                await _wait_for(self._news)
        return self._items.popleft()

    def close(self) -> None:
        """Release the descriptor. Nobody may wait in `get` any more."""
        self._news.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Turn:
    """A lock that may be held across waits (QEMU: CoMutex): first come, first served, wherever they come from."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._line: deque[EventFd] = deque()

    async def __aenter__(self) -> None:
        place = EventFd()
        with self._guard:
            self._line.append(place)
            first = self._line[0] is place
        if first:
            return
        try:
            await _wait_for(place)
        except BaseException:
            self._leave(place)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave(self._line[0])

    def _leave(self, place: EventFd) -> None:
        with self._guard:
            had_the_turn = self._line[0] is place
            self._line.remove(place)
            if had_the_turn and self._line:
                self._line[0].set()
        place.close()


async def _wait_for(flag: EventFd) -> None:
    await current_context().wait(Waiter(flag.fileno(), Direction.READ, None))
