"""Waiting in a particular event loop, whichever coroutine waits: `Channel.home`.

QEMU has channels whose handlers must run in one particular context, the iohandler's. Here the *home loop* watches the
channel's descriptor, while the waiting coroutine stays in its own context and waits there for an eventfd, which the
home loop sets.

Three rules:

1. Two watches of one direction must not overlap in the home loop, but the second may be asked for before the loop has
   ended the first: each watch waits for the one before it.
2. A watch that has begun ends with `HomeWatch.finish`, once, in the home loop; the hold on the descriptor ends there.
3. A home loop that is left takes no more watches, and ends those it has taken, begun or not, so that no coroutine waits
   for a loop that no longer runs.

Other threads reach the loop by its callbacks. Those run outside any task, where anyio cannot tell which event loop it
is in, so they only set an event, and a task of the home loop begins the watches.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Self

import anyio

from .context import current_context
from .eventfd import EventFd
from .lifetime import Lifetime
from .loops import loop_runner, wait_ready
from .waiter import Direction, Waiter


class HomeLoop:
    """The event loop that enters this object, as the place where channels wait: `async with HomeLoop() as home:`.

    Entering raises RuntimeError in a thread without an event loop. Leaving ends the waits in progress, and all later
    ones, with RuntimeError.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._pending: deque[HomeWatch] = deque()
        self._watches: set[HomeWatch] = set()
        self._latest: dict[tuple[int, Direction], HomeWatch] = {}

    async def __aenter__(self) -> Self:
        try:
            self._run_in_loop = loop_runner()
        except RuntimeError:
            raise RuntimeError(
                "a home loop needs an event loop, and none runs in this thread: enter the HomeLoop in a coroutine of "
                "asyncio or trio, or leave the channel without a home"
            ) from None
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._notified = anyio.Event()
        self._tasks.start_soon(self._begin_watches)
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
        self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            for watch in (*self._watches, *self._pending):  # those whose task has not taken its first step
                self._finish(watch, None)
            self._pending.clear()

    def watch(self, watch: "HomeWatch") -> None:
        """Begin `watch`, from any thread. Raises RuntimeError if the home loop has not been entered, or was left."""
        with self._lock:
            if not self._open:
                raise RuntimeError("the home loop of this channel has ended, or was never entered")
            self._pending.append(watch)
            self._run_in_loop(self._notify)

    def end(self, watch: "HomeWatch") -> None:
        """End `watch`, from any thread. Does nothing when it is over."""
        with self._lock:
            if self._open:
                self._run_in_loop(watch.cancel)

    def _notify(self) -> None:
        self._notified.set()

    async def _begin_watches(self) -> None:
        while True:
            await self._notified.wait()
            self._notified = anyio.Event()
            while self._pending:
                self._begin(self._pending.popleft())  # no local variable, which would keep the last one alive

    def _begin(self, watch: "HomeWatch") -> None:
        previous = self._latest.get(watch.key)
        self._latest[watch.key] = watch
        self._watches.add(watch)
        self._tasks.start_soon(self._run, watch, previous)

    async def _run(self, watch: "HomeWatch", previous: "HomeWatch | None") -> None:
        error: Exception | None = None
        try:
            await watch.run(previous)
        except Exception as failed:  # for the waiting coroutine, not for the home loop's other tasks
            error = failed
        finally:
            self._finish(watch, error)

    def _finish(self, watch: "HomeWatch", error: Exception | None) -> None:
        self._watches.discard(watch)
        if self._latest.get(watch.key) is watch:
            del self._latest[watch.key]
        watch.finish(error or (None if self._open else RuntimeError("the home loop of this channel has ended")))


class HomeWatch:
    """One descriptor, watched once in the home loop on behalf of a coroutine elsewhere.

    news: set when the watch is over, for that coroutine; borrowed, and may be closed before that.
    finished: called when the descriptor is watched no more, in the home loop, or by `wait_at_home` if it never was.
    """

    def __init__(self, waiter: Waiter, news: EventFd, finished: Callable[[], None]) -> None:
        self.key = waiter.fd, waiter.direction
        self.waiter = waiter
        self.news = news
        self.finished = finished
        self.error: Exception | None = None
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False
        self._over = False
        self._followed: anyio.Event | None = None

    async def run(self, previous: "HomeWatch | None") -> None:
        """In the home loop: watch until the descriptor is ready, or `cancel`."""
        if previous is not None:
            await previous.over()  # soon: it was ended before this one was asked for
        with anyio.CancelScope() as self._scope:
            if self._cancelled:
                return
            await wait_ready(self.waiter.fd, self.waiter.direction)

    async def over(self) -> None:
        """In the home loop: wait until this watch is over."""
        if not self._over:
            self._followed = anyio.Event()
            await self._followed.wait()

    def cancel(self) -> None:
        """In the home loop: stop watching. Does nothing when it is over."""
        self._cancelled = True
        if self._scope is not None and not self._over:
            self._scope.cancel()

    def finish(self, error: Exception | None) -> None:
        """In the home loop: note that it is over, with an error for the waiting coroutine perhaps."""
        self._over = True
        if self._followed is not None:
            self._followed.set()
        self.error = error
        self.news.set()
        self.finished()


async def wait_at_home(home: HomeLoop, waiter: Waiter, lifetime: Lifetime) -> None:
    """Wait as `current_context().wait(waiter)` does, but have the home loop watch the descriptor, of this lifetime.

    Raises TimeoutError after the deadline, RuntimeError if the home loop has ended.
    """
    with EventFd() as flag:
        watch = HomeWatch(waiter, flag, lifetime.release)
        lifetime.hold()  # released by the home loop, once it watches the descriptor no more
        try:
            home.watch(watch)
        except BaseException:
            watch.finished()
            raise
        news = Waiter(flag.fileno(), Direction.READ, waiter.deadline)
        try:
            waiter.arm(news.wake)
            await current_context().wait(news)
        finally:
            waiter.disarm()
            home.end(watch)
        if watch.error is not None:
            raise watch.error
