"""Waiting in a loop that is not one's own: `Channel.home`.

QEMU has channels whose handlers must run in one particular context, the iohandler's, whichever coroutine waits. Here
the *home loop* watches the channel's descriptor, and an eventfd carries the news to the waiting coroutine, which stays
where it is and waits for that eventfd in its own context.

Three rules:

1. Two watches of one direction must not overlap in the home loop, although the second may begin before the loop got
   round to ending the first: each watch waits for the one before it.
2. A watch that has begun ends with `HomeWatch.finish`, once, in the home loop; the hold on the descriptor ends there.
3. A home loop that is left takes no more watches, and ends those that it has taken, begun or not: nobody waits for a
   loop that will never turn again.

Other threads reach the loop by its callbacks. Those run outside of any task, where anyio cannot tell which event loop
it is in: they do no more than knock, and a task of the home loop begins the watches.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Self

import anyio

from .context import current_context
from .eventfd import EventFd
from .loops import loop_runner, wait_ready
from .waiter import Direction, Waiter


class HomeLoop:
    """The event loop that enters this object, as a place for other contexts' waits: `async with HomeLoop() as home:`.

    Entering raises RuntimeError if no event loop runs there. Leaving ends the waits that are still going on, and all
    later ones, with RuntimeError.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._asked_for: deque[HomeWatch] = deque()
        self._watches: set[HomeWatch] = set()
        self._latest: dict[tuple[int, Direction], HomeWatch] = {}

    async def __aenter__(self) -> Self:
        try:
            self._run_in_loop = loop_runner()
        except RuntimeError:
            raise RuntimeError(
                "no event loop runs in this thread for a home loop to be: enter the HomeLoop in a coroutine of asyncio "
                "or trio, or leave the channel without a home"
            ) from None
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._knocked = anyio.Event()
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
            for watch in (*self._watches, *self._asked_for):  # those whose task never came to its first step
                self._finish(watch, None)
            self._asked_for.clear()

    def watch(self, watch: "HomeWatch") -> None:
        """Begin `watch`, from any thread. Raises RuntimeError if the home loop was not entered, or was left."""
        with self._lock:
            if not self._open:
                raise RuntimeError("the home loop that this channel waits in has ended, or was never entered")
            self._asked_for.append(watch)
            self._run_in_loop(self._knock)

    def end(self, watch: "HomeWatch") -> None:
        """End `watch`, from any thread; harmless when it is over."""
        with self._lock:
            if self._open:
                self._run_in_loop(watch.cancel)

    def _knock(self) -> None:
        self._knocked.set()

    async def _begin_watches(self) -> None:
        while True:
            await self._knocked.wait()
            self._knocked = anyio.Event()
            while self._asked_for:
                self._begin(self._asked_for.popleft())  # not kept here, where the last one would stay for long

    def _begin(self, watch: "HomeWatch") -> None:
        previous = self._latest.get(watch.key)
        self._latest[watch.key] = watch
        self._watches.add(watch)
        self._tasks.start_soon(self._run, watch, previous)

    async def _run(self, watch: "HomeWatch", previous: "HomeWatch | None") -> None:
        error: Exception | None = None
        try:
            await watch.run(previous)
        except Exception as failed:  # the waiting coroutine's to see, and none of the home loop's other tasks'
            error = failed
        finally:
            self._finish(watch, error)

    def _finish(self, watch: "HomeWatch", error: Exception | None) -> None:
        self._watches.discard(watch)
        if self._latest.get(watch.key) is watch:
            del self._latest[watch.key]
        watch.finish(error or (None if self._open else RuntimeError("the home loop that this channel waits in ended")))


class HomeWatch:
    """One descriptor, watched once in the home loop on behalf of a coroutine elsewhere.

    news: tells that coroutine that the watch is over; borrowed, and may be closed before that.
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
            await previous.over()  # soon: whoever waits here has ended that one
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
        """In the home loop: stop watching; harmless when it is over."""
        self._cancelled = True
        if self._scope is not None and not self._over:
            self._scope.cancel()

    def finish(self, error: Exception | None) -> None:
        """In the home loop: it is over, with an error for the waiting coroutine perhaps."""
        self._over = True
        if self._followed is not None:
            self._followed.set()
        self.error = error
        self.news.set()
        self.finished()


async def wait_at_home(home: HomeLoop, watch: HomeWatch) -> None:
    """Wait as `current_context().wait(watch.waiter)` would, with the descriptor watched by the home loop.

    Raises TimeoutError after the deadline, RuntimeError if the home loop has ended.
    """
    try:
        home.watch(watch)
    except BaseException:
        watch.finished()
        raise
    news = Waiter(watch.news.fileno(), Direction.READ, watch.waiter.deadline)
    try:
        watch.waiter.arm(news.wake)
        await current_context().wait(news)
    finally:
        watch.waiter.disarm()
        home.end(watch)
    if watch.error is not None:
        raise watch.error
