"""Passes on what happens, as it happens, to those who watch. Nobody waits for one that reads too slowly."""

import collections
import contextlib
import threading
from collections.abc import Iterator

from ..channel import EventFd
from .ended import Ended

MAX_WAITING = 4096
"""Events that wait for one watcher."""


class Watch:
    """One watcher's events.

    news: set when there may be events to take.
    lost: how many found no room. From the first on, the watcher gets no more.
    """

    def __init__(self) -> None:
        self.news = EventFd()
        self.lost = 0
        self._waiting: collections.deque[Ended] = collections.deque()

    def put(self, event: Ended) -> None:
        """Add an event. Not for several threads at once."""
        if self.lost or len(self._waiting) >= MAX_WAITING:
            self.lost += 1
        else:
            self._waiting.append(event)
        self.news.set()

    @property
    def waiting(self) -> int:
        """How many events there are to take."""
        return len(self._waiting)

    def take(self, count: int) -> list[Ended]:
        """The oldest events, `count` at most."""
        self.news.clear()
        taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        if self._waiting:
            self.news.set()
        return taken


class Watchers:
    """All of them. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.all: tuple[Watch, ...] = ()
        """Those that there are now."""

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watch]:
        """Be one more, who gets what is put meanwhile."""
        watch = Watch()
        with watch.news:
            with self._lock:
                self.all = (*self.all, watch)
            try:
                yield watch
            finally:
                with self._lock:
                    self.all = tuple(other for other in self.all if other is not watch)

    def put(self, event: Ended) -> None:
        """Give an event to each."""
        with self._lock:
            for watch in self.all:
                watch.put(event)
