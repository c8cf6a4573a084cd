"""Waiting in a loop that is not one's own: `follow=False`.

QEMU has channels whose handlers must run in one particular context, the iohandler's, whichever coroutine waits. Here
the *home loop* watches the channel's descriptor, and an eventfd carries the news to the waiting coroutine, which stays
where it is and waits for that eventfd in its own context.

Two watches of one direction must not overlap in the home loop, although the second may begin before the loop got round
to ending the first: each watch waits for the one before it.
"""

from collections.abc import Callable

import anyio

from .context import current_context
from .eventfd import EventFd
from .loops import loop_runner, spawn_in_loop
from .waiter import Direction, Waiter


class HomeLoop:
    """The event loop that this object was made in, as a place for other threads' waits.

    Raises RuntimeError if no event loop runs in the calling thread.
    """

    def __init__(self) -> None:
        try:
            self._run_in_loop = loop_runner()
        except RuntimeError:
            raise RuntimeError(
                "follow=False needs a home loop, and none runs in this thread: make the HomeLoop in a coroutine of "
                "asyncio or trio, or let the channel follow its coroutines"
            ) from None

    def watch(self, watch: "HomeWatch") -> None:
        """Begin `watch` in this loop, from any thread. Raises RuntimeError if the loop has ended."""
        self._run_in_loop(watch.start)

    def end(self, watch: "HomeWatch") -> None:
        """End `watch`, from any thread."""
        try:
            self._run_in_loop(watch.cancel)
        except RuntimeError:
            watch.finished()


class HomeWatch:
    """One descriptor, watched once in the home loop on behalf of a coroutine elsewhere."""

    def __init__(self, waiter: Waiter, previous: "HomeWatch | None", finished: Callable[[], None]) -> None:
        self.news = EventFd()
        self._waiter = waiter
        self._previous = previous
        self._tell_finished: Callable[[], None] | None = finished
        self._scope: anyio.CancelScope | None = None
        self._over: anyio.Event | None = None
        self._cancelled = False
        self._task: object = None

    def start(self) -> None:
        """In the home loop: start watching."""
        self._scope, self._over = anyio.CancelScope(), anyio.Event()
        if self._cancelled:
            self._scope.cancel()
        self._task = spawn_in_loop(self._watch)

    def cancel(self) -> None:
        """In the home loop: stop watching; harmless when it is over."""
        self._cancelled = True
        if self._scope is not None and self._over is not None and not self._over.is_set():
            self._scope.cancel()

    def finished(self) -> None:
        """The home loop watches no more; its hold on the channel's descriptor ends here, once."""
        tell, self._tell_finished = self._tell_finished, None
        if tell is not None:
            tell()

    async def _watch(self) -> None:
        assert self._scope is not None
        assert self._over is not None
        try:
            with self._scope:
                if self._previous is not None and self._previous._over is not None:
                    await self._previous._over.wait()
                self._previous = None
                if self._waiter.direction is Direction.READ:
                    await anyio.wait_readable(self._waiter.fd)
                else:
                    await anyio.wait_writable(self._waiter.fd)
        finally:
            self._over.set()
            self.news.set()
            self.finished()


async def wait_at_home(home: HomeLoop, watch: HomeWatch, waiter: Waiter) -> None:
    """Wait as `current_context().wait(waiter)` would, with the descriptor watched by the home loop.

    Raises TimeoutError after the deadline, RuntimeError if the home loop has ended.
    """
    news = Waiter(watch.news.fileno(), Direction.READ, waiter.deadline)
    try:
        home.watch(watch)
        waiter.arm(news.wake)
        await current_context().wait(news)
    finally:
        waiter.disarm()
        home.end(watch)
        watch.news.close()
