"""Waiting for a channel in both directions at once, where a wait has room for one descriptor and one direction."""

import select

from .base import Channel
from .waiter import Direction

_EVENTS = {Direction.READ: select.EPOLLIN, Direction.WRITE: select.EPOLLOUT}


class EitherWay:
    """A descriptor that becomes readable when a try is worth it in either direction of `channel` (epoll(7)).

    It is made when it is asked for first.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._epoll: select.epoll | None = None
        self._watched: dict[int, int] = {}

    def wait_on(self) -> tuple[int, Direction] | None:
        """What to wait on now; None if a try is worth it at once. One coroutine at a time may ask, and wait."""
        wanted: dict[int, int] = {}
        for direction in Direction:
            if (awaited := self._channel._wait_on(direction)) is None:
                return None
            fd, way = awaited
            wanted[fd] = wanted.get(fd, 0) | _EVENTS[way]
        return self._watch(wanted).fileno(), Direction.READ

    def close(self) -> None:
        """Watch nothing any more."""
        if self._epoll is not None:
            self._epoll.close()

    def _watch(self, wanted: dict[int, int]) -> select.epoll:
        if self._epoll is None:
            self._epoll = select.epoll()
        for fd in self._watched.keys() - wanted:
            self._epoll.unregister(fd)
        for fd in wanted:
            if fd in self._watched:
                self._epoll.modify(fd, wanted[fd])
            else:
                self._epoll.register(fd, wanted[fd])
        self._watched = wanted
        return self._epoll
