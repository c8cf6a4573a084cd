"""The sessions at rest: one epoll set, one registration a session, armed for one event at a time.

A one-shot registration that has fired stays in the set, disarmed, until the session rests again: one system call a rest
instead of two, and no event for a byte that nobody reads yet. It leaves the set before its descriptor is closed.

A session is taken out by whoever finds it first: an event, a wake from outside, its deadline. All three go through one
lock, so that exactly one of them gets it. An event that comes too late finds nothing, or wakes a session for nothing,
which a channel's wait allows.
"""

import math
import select
import threading
import time

from .channel import BareCoroutine, Direction, EventFd, Waiter

_ARMED = {
    Direction.READ: select.EPOLLIN | select.EPOLLONESHOT,
    Direction.WRITE: select.EPOLLOUT | select.EPOLLONESHOT,
}


class Strand:
    """A session's coroutine with what its next step needs. At rest it belongs to the set, awake to one thread."""

    __slots__ = ("coroutine", "fault", "in_set", "waiter")

    def __init__(self, coroutine: BareCoroutine[None]) -> None:
        self.coroutine = coroutine
        self.waiter: Waiter | None = None
        self.fault: BaseException | None = None
        self.in_set: int | None = None


class RestingSet:
    """Strands that wait, each for one direction of one descriptor, perhaps until a deadline."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._kick = EventFd()
        self._epoll.register(self._kick.fileno(), select.EPOLLIN)
        self._lock = threading.Lock()
        self._resting: dict[int, Strand] = {}
        self._deadlines: dict[Strand, float] = {}
        self._awake_at = math.inf
        """When whoever waits on the set looks up by itself; infinity also where that is not known."""

    def rest(self, strand: Strand, waiter: Waiter) -> None:
        """Put a strand to rest until its waiter's descriptor is ready, or its deadline is over.

        OSError if the kernel cannot watch the descriptor; the strand stays the caller's then.
        """
        strand.waiter = waiter
        fd = waiter.fd
        with self._lock:
            if strand.in_set == fd:
                self._epoll.modify(fd, _ARMED[waiter.direction])
            else:
                self.forget(strand)
                self._epoll.register(fd, _ARMED[waiter.direction])
                strand.in_set = fd
            self._resting[fd] = strand
            if waiter.deadline is not None:
                self._deadlines[strand] = waiter.deadline
                if waiter.deadline < self._awake_at:
                    self.kick()

    def take(self, strand: Strand, waiter: Waiter) -> bool:
        """Take a strand out if it still rests in this very wait: whether it was there, and is the caller's now."""
        with self._lock:
            if self._resting.get(waiter.fd) is not strand or strand.waiter is not waiter:
                return False
            self._remove(strand, waiter.fd)
            return True

    def forget(self, strand: Strand) -> None:
        """Drop the registration of a strand that has ended, before its descriptor is closed."""
        fd, strand.in_set = strand.in_set, None
        if fd is not None:
            self._epoll.unregister(fd)

    def kick(self) -> None:
        """Let `wait` return."""
        self._kick.set()

    def wait(self) -> list[Strand]:
        """Wait until strands are ready, or past their deadlines, and take them out. Perhaps none, after a kick."""
        with self._lock:
            self._awake_at = min(self._deadlines.values(), default=math.inf)
            timeout = self._awake_at - time.monotonic()
        events = self._epoll.poll(None if timeout == math.inf else max(0.0, timeout))
        with self._lock:
            self._awake_at = math.inf
            ready = [strand for fd, _ in events if (strand := self._take_ready(fd)) is not None]
            return ready + self._take_late() if self._deadlines else ready

    def close(self) -> None:
        """Close the set itself."""
        self._epoll.close()
        self._kick.close()

    def _take_ready(self, fd: int) -> Strand | None:
        if fd == self._kick.fileno():
            self._kick.clear()
            return None
        if (strand := self._resting.get(fd)) is not None:
            self._remove(strand, fd)
        return strand

    def _take_late(self) -> list[Strand]:
        now = time.monotonic()
        late = [strand for strand, deadline in self._deadlines.items() if deadline <= now]
        for strand in late:
            assert strand.waiter is not None
            self._remove(strand, strand.waiter.fd)
            strand.fault = TimeoutError()
        return late

    def _remove(self, strand: Strand, fd: int) -> None:
        del self._resting[fd]
        self._deadlines.pop(strand, None)
