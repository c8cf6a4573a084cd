"""The sessions at rest: one epoll set, with one registration per session, armed for one event at a time.

A one-shot registration that has fired stays in the set, disarmed, until the session rests again. That takes one system
call per rest instead of two, and a byte that is not read yet causes no event. A registration leaves the set before its
descriptor is closed. It stays only if it was made to wait for the next message (`SkippableWaiter`): that channel is the
session's own, and outlives it. Any other, such as a connection to the multipath worker, may be closed in the next step,
so its registration leaves the set with the wait.

**Arm before publishing.** A thread that puts a session to rest owns it, and its descriptor, until its last system call
on the registration has returned. Only then does it enter the session into `_resting`, where other threads can take it.
So no other thread can step the session, end it or close its descriptor during that call, and the call cannot reach the
registration of another client whose descriptor has the same number.

The cost is an event that fires between the two steps. The thread that receives it finds no session under that number,
and leaves a note in `_missed`. Each side writes before it reads (docs/architecture.md, Lock-free steps): that thread
leaves the note, then looks again; the owner enters the session, then looks for a note. At least one of them finds the
session and takes it.

**Taking is atomic.** An event, a wake from outside, a deadline and a note all pop the session from one dict, so exactly
one of them gets it. One that comes late finds nothing, or pops the session in its next wait, or pops another session
that now rests under the same number. That is a spurious wake-up, which a channel's wait allows; the session must be
stepped all the same.
"""

import math
import select
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..channel import BareCoroutine, Direction, EventFd, SkippableWaiter, Waiter

_ARMED = {
    Direction.READ: select.EPOLLIN | select.EPOLLONESHOT,
    Direction.WRITE: select.EPOLLOUT | select.EPOLLONESHOT,
}

BUSY_POLL = 0.000_05
"""Seconds to busy-poll before blocking, if the previous wait was at most this long (adaptive polling, as in QEMU's
AioContext). Blocking and being woken costs about as much: one client in a closed loop has its answer after 43 us
instead of 54. Occasional commands never busy-poll."""


class Fault(NamedTuple):
    """A reply that is raised in the session instead of returned to it."""

    error: BaseException


class Strand:
    """A session's coroutine, and what its next step needs. At rest it belongs to the set, awake to one thread.

    done: called with what the coroutine returned or raised.
    reply: what the next step starts with; set by the thread that makes the session ready.
    in_set: the descriptor that is registered for it, if any, and `stays`, whether that outlasts the wait.
    """

    __slots__ = ("coroutine", "done", "in_set", "reply", "stays", "waiter")

    def __init__(self, coroutine: BareCoroutine[Any], done: Callable[[Any], None]) -> None:
        self.coroutine = coroutine
        self.done = done
        self.waiter: Waiter | None = None
        self.reply: Fault | None = None
        self.in_set: int | None = None
        self.stays = False


class RestingSet:
    """Strands that wait, each for one direction of one descriptor, some until a deadline."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._kick = EventFd()
        self._kick_fd = self._kick.fileno()
        self._epoll.register(self._kick_fd, select.EPOLLIN)
        self._resting: dict[int, Strand] = {}
        self._missed: set[int] = set()
        self._deadlines: dict[int, float] = {}
        self._was_short = False
        self._awake_at = math.inf
        """When the thread that waits on the set wakes by itself; infinity also where that is not known."""

    def rest(self, strand: Strand, waiter: Waiter) -> Strand | None:
        """Put a strand to rest until its waiter's descriptor is ready, or its deadline has passed.

        On return another thread may already be running it; if it became ready meanwhile it is returned instead, and is
        the caller's again. Raises OSError if the kernel cannot watch the descriptor; the caller keeps the strand then.
        """
        fd = waiter.fd
        self._missed.discard(fd)
        self._arm(strand, waiter)
        strand.waiter = waiter
        if waiter.deadline is not None:
            self._deadlines[fd] = waiter.deadline
            if waiter.deadline < self._awake_at:
                self.kick()
        self._resting[fd] = strand
        return self._take(fd) if fd in self._missed else None

    def take(self, strand: Strand, waiter: Waiter) -> Strand | None:
        """Take a strand out if it is still in this very wait. Returns the strand that is now the caller's, if any."""
        if self._resting.get(waiter.fd) is not strand or strand.waiter is not waiter:
            return None
        return self._take(waiter.fd)

    def forget(self, strand: Strand) -> None:
        """Drop the registration of a strand that has ended, before its descriptor is closed."""
        fd, strand.in_set = strand.in_set, None
        if fd is not None:
            self._epoll.unregister(fd)

    def kick(self) -> None:
        """Make `wait` return."""
        self._kick.set()

    def wait(self) -> list[Strand]:
        """Wait until strands are ready or past their deadlines, and take them out; none, perhaps, after a kick."""
        began = time.perf_counter()
        events = self._poll_busily(began + BUSY_POLL) if self._was_short else []
        if not events:
            events = self._epoll.poll(self._seconds_to_deadline() if self._deadlines else None)
        self._was_short = time.perf_counter() - began < BUSY_POLL
        self._awake_at = math.inf
        ready = []
        for fd, _ in events:
            if fd == self._kick_fd:
                self._kick.clear()
            elif (strand := self._take_or_note(fd)) is not None:
                ready.append(strand)
        if self._deadlines:
            ready += self._take_late()
        return ready

    def close(self) -> None:
        """Close the set itself."""
        self._epoll.close()
        self._kick.close()

    def _arm(self, strand: Strand, waiter: Waiter) -> None:
        fd = waiter.fd
        if fd < 0:  # a Pause
            return
        if strand.in_set == fd:
            self._epoll.modify(fd, _ARMED[waiter.direction])
            return
        self.forget(strand)
        self._epoll.register(fd, _ARMED[waiter.direction])
        strand.in_set, strand.stays = fd, isinstance(waiter, SkippableWaiter)

    def _poll_busily(self, until: float) -> list[tuple[int, int]]:
        while not (events := self._epoll.poll(0)) and time.perf_counter() < until:
            pass
        return events

    def _seconds_to_deadline(self) -> float | None:
        # Each side writes before it reads: a deadline entered too late to be seen here sees that it must kick.
        self._awake_at = math.inf
        self._awake_at = min(list(self._deadlines.values()), default=math.inf)
        return None if self._awake_at == math.inf else max(0.0, self._awake_at - time.monotonic())

    def _take_late(self) -> list[Strand]:
        now = time.monotonic()
        late = [fd for fd, deadline in list(self._deadlines.items()) if deadline <= now]
        taken = [strand for fd in late if (strand := self._take(fd)) is not None]
        for strand in taken:
            if strand.waiter is not None and strand.waiter.remaining() == 0:
                strand.reply = Fault(TimeoutError())
        return taken

    def _take_or_note(self, fd: int) -> Strand | None:
        if (strand := self._take(fd)) is None:
            self._missed.add(fd)
            strand = self._take(fd)
        return strand

    def _take(self, fd: int) -> Strand | None:
        strand = self._resting.pop(fd, None)
        if strand is not None:
            if self._deadlines:
                self._deadlines.pop(fd, None)
            if not strand.stays:
                self.forget(strand)
        return strand
