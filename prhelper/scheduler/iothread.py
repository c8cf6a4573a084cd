"""Where sessions run: a leader, followers, bursts, and a guard against stalls.

SG_IO blocks: for ten microseconds on a fast target, for minutes on a dead path. No client may wait for another client's
device, and a command on a fast device must not pay for a hop to another thread. So, after Schmidt's leader/followers:

* A session is a bare coroutine. At rest it belongs to one epoll set; awake, to exactly one thread.
* One thread, the *leader*, waits on the set and steps the sessions that are ready, one after another. A command to a
  device that was fast lately runs right there.
* The *guard* notices a leader that stays inside one step, and appoints another, which takes over the set and the queue.
  Nothing has to be moved, since no session belongs to the thread. When the kernel lets the old leader go on, it
  finishes its one session and finds that it no longer leads.
* A command to a device that is slow, or not yet known, moves its session to a thread of its own for a *burst*: the same
  coroutine, with reads that block briefly, until its client falls silent or the device turns out to be fast. Bursts
  share a CPU (`shared_cpu`), since they share the GIL.
* If no thread can be started, such a command is refused (NoThreadError) rather than run in the leader: a leader that
  cannot be replaced would stop all clients. For the same reason one thread is kept in reserve (`thread_pool`).

Everything in a step counts, not just the ioctl: fstat and close of a passed descriptor can block as well.

Leadership is an object, the `Term`: a thread that finds another term current stops leading. An old leader may still
wait on the set until an event reaches it. That is harmless: the set gives each session to one of the two, and the old
one kicks the new as it leaves, since it may have queued sessions.
"""

import collections
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ..channel import BareCoroutine, Call, SkippableWaiter, Waiter, stepping
from ..host.signals import every_signal_blocked
from ..logs import trace
from ..logs.record import at_most
from .device_speed import DeviceSpeeds
from .resting import Fault, RestingSet, Strand
from .shared_cpu import PinnedBurst, SharedCpu
from .stall_guard import StallGuard, Term
from .state import State
from .thread_pool import NoThreadError, ThreadPool

_log = logging.getLogger(__name__)

_RETRY_PAUSE = 0.1
"""Seconds until the guard tries again to start a thread."""

T = TypeVar("T")


class IOThreads:
    """Runs sessions. `start` before `spawn`; everything else may come from any thread."""

    def __init__(self) -> None:
        self._resting = RestingSet()
        self._ready: collections.deque[Strand] = collections.deque()
        self._speeds = DeviceSpeeds()
        self._pool = ThreadPool()
        self._shared_cpu = SharedCpu()
        self._term = Term()
        self._stopped = False
        self._replaced = 0
        self._beats = 0
        self._beats_seen = (0, 0)
        self._guard = StallGuard(lambda: self._term, self._depose)
        self._guard_thread = threading.Thread(target=self._guard.run, name="prhelper-guard", daemon=True)

    def start(self) -> None:
        """Start leader and guard. Threads keep the capabilities of this one: drop privileges first.

        Raises RuntimeError if no thread can be started.
        """
        with every_signal_blocked():  # each further thread is started by one of these, and inherits that
            self._pool.fill_reserve()
            self._appoint()
            self._guard_thread.start()
        self._request_beats()

    def stop(self, timeout: float) -> bool:
        """End the threads once no session is ready, waiting `timeout` seconds at most. Returns whether all ended."""
        self._stopped = True
        self._resting.kick()
        self._guard.stop()
        self._guard_thread.join()
        ended = self._pool.stop(timeout)
        if ended:
            self._guard.close()
            self._resting.close()
        return ended

    def spawn(self, coroutine: BareCoroutine[T], done: Callable[[T | BaseException], None]) -> None:
        """Run a session. `done` is called with what it returned or raised, in its last thread; it must not raise."""
        self._make_ready(Strand(coroutine, done))

    def state(self) -> State:
        """What there is now, for people. Waits for no lock."""
        return State(*self._pool.counts(), self._guard_thread.is_alive(), self._guard.turns, self._replaced)

    def heartbeat(self) -> bool:
        """Whether leader and guard have responded since the last heartbeat. Asks both to respond before the next."""
        now = self._beats, self._guard.turns
        moved = all(count != before for count, before in zip(now, self._beats_seen, strict=True))
        self._beats_seen = now
        self._request_beats()
        return moved

    def _request_beats(self) -> None:
        async def beat() -> None:
            self._beats += 1

        self.spawn(beat(), lambda _: None)
        self._guard.poke()

    # Leading.

    def _appoint(self) -> None:
        term = Term()
        self._pool.run_from_reserve(lambda: self._lead(term))

    def _depose(self) -> None:
        stalled = self._term
        trace.leader_appointed(stalled.calling or "no device")
        if stalled.calling is not None:
            self._speeds.stalled(stalled.calling)
        try:
            self._appoint()
            self._replaced += 1  # by the guard alone
        except NoThreadError as error:  # the guard tries again, but not at once
            _log.error("%s; commands may wait for one another", error, extra=at_most(1, "threads"))
            time.sleep(_RETRY_PAUSE)
        if not self._pool.has_reserve:
            with contextlib.suppress(NoThreadError):  # else the next thread without work becomes the reserve
                self._pool.fill_reserve()

    def _lead(self, term: Term) -> None:
        self._term = term  # only once this thread runs: until then the old leader may still lead
        self._resting.kick()  # the old leader may have begun to wait meanwhile
        with stepping():
            while self._term is term and (self._ready or not self._stopped):
                if not self._ready:
                    self._ready.extend(self._resting.wait())
                    continue
                try:
                    strand = self._ready.popleft()
                except IndexError:  # a new leader was faster
                    continue
                term.steps += 1
                term.inside = True
                self._guard.notice_work()
                self._step(strand, term)
                term.inside = False
        # Deposed while it waited on the set, it may have queued sessions that the new leader has not seen.
        self._resting.kick()

    def _step(self, strand: Strand, term: Term) -> None:
        """Run a session until it rests, ends, or leaves for a burst."""
        reply: object = strand.reply
        strand.reply = None
        request = self._resume(strand, reply)
        while isinstance(request, Call):
            if self._speeds.is_fast(request.key):
                term.calling = request.key
                reply = self._call(request)
                term.calling = None
            elif self._start_burst(strand, request):
                return
            else:
                reply = Fault(NoThreadError())
            request = self._resume(strand, reply)
        if request is not None:
            self._rest(strand, request)

    # A session on its own thread.

    def _start_burst(self, strand: Strand, call: Call) -> bool:
        trace.burst_begin(call.key)
        self._shared_cpu.choose()
        try:
            self._pool.run(lambda: self._burst(strand, call))
        except NoThreadError:
            return False
        return True

    def _burst(self, strand: Strand, call: Call) -> None:
        request: Waiter | Call | None = call
        with stepping(), PinnedBurst(self._shared_cpu) as pinned:
            while isinstance(request, Call):
                call = request
                request = self._resume(strand, self._call(call))
                goes_on = pinned.may_stay() and not self._speeds.is_fast(call.key)
                if isinstance(request, SkippableWaiter) and goes_on:
                    request.skip()
                    request = self._resume(strand)
            if request is not None:
                self._rest(strand, request)

    # What both do.

    def _call(self, call: Call) -> object:
        """Make a session's call. Returns its result, or the `Fault` that it raised."""
        began = time.perf_counter()
        try:
            reply: object = call.function()
        except BaseException as error:  # any error is the session's to handle
            reply = Fault(error)
        self._speeds.learn(call.key, time.perf_counter() - began)
        return reply

    def _resume(self, strand: Strand, reply: object = None) -> Waiter | Call | None:
        """Resume a session with the reply to its last request. Returns its next request, or None if it has ended."""
        try:
            if isinstance(reply, Fault):
                return strand.coroutine.throw(reply.error)
            return strand.coroutine.send(reply)
        except StopIteration as end:
            self._end(strand, end.value)
        except BaseException as error:  # a bug in one session ends that session, and no other
            self._end(strand, error)
        return None

    def _end(self, strand: Strand, end: object) -> None:
        self._resting.forget(strand)
        strand.done(end)

    def _rest(self, strand: Strand, waiter: Waiter) -> None:
        if trace.channel_rest.enabled:
            trace.channel_rest(waiter.fd, waiter.direction.value)
        try:
            ready = self._resting.rest(strand, waiter)
        except OSError as error:
            strand.reply = Fault(error)
            self._make_ready(strand)
            return
        if ready is not None:
            self._make_ready(ready)
        # Only now: a wake must find the session resting. If it no longer rests, the wake finds nothing.
        waiter.arm(lambda: self._wake(strand, waiter))

    def _wake(self, strand: Strand, waiter: Waiter) -> None:
        if (taken := self._resting.take(strand, waiter)) is not None:
            self._make_ready(taken)

    def _make_ready(self, strand: Strand) -> None:
        self._ready.append(strand)
        self._resting.kick()
