"""Waiting for several descriptors at once, in a wait that takes one."""

import select

from .waiter import Direction

_EVENTS = {Direction.READ: select.EPOLLIN, Direction.WRITE: select.EPOLLOUT}


class AnyOf:
    """A descriptor that becomes readable when any of several is ready (epoll(7)), made when it is first needed.

    They are watched until the next `wait_on` or `close`, and may be closed before. For one coroutine at a time.
    """

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._watched: dict[int, int] = {}

    def wait_on(self, *awaited: tuple[int, Direction] | None) -> tuple[int, Direction] | None:
        """What to wait on for any of these; None if one of them is None, that is, worth a try now."""
        wanted: dict[int, int] = {}
        for one in awaited:
            if one is None:
                return None
            fd, direction = one
            wanted[fd] = wanted.get(fd, 0) | _EVENTS[direction]
        return self._watch(wanted), Direction.READ

    def close(self) -> None:
        if self._epoll is not None:
            self._epoll.close()

    def _watch(self, wanted: dict[int, int]) -> int:
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
        return self._epoll.fileno()
