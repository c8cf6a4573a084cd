"""Where a coroutine waits: in whatever is stepping it at this moment.

A channel belongs to no event loop. Each time that a coroutine has to wait, `current_context` asks who is running it
now, and that context arranges the wait; nothing is remembered beyond the wait (QEMU: qemu_coroutine_get_aio_context,
called by qio_channel_yield and not when a channel is attached). There are three answers:

1. A *stepper* holds the coroutine, bare, in its hands (`stepping`): the wait is yielded to it as a `Waiter`, a blocking
   call as a `Call`. It may step the coroutine on in another thread.
2. An event loop of asyncio or trio runs the task: the wait is anyio's, with its cancellation.
3. Neither: the thread itself waits, with poll(2). `run` drives a coroutine to its end in this way.

A stepper comes first, because it may be at work in a thread that also has a loop.
"""

import contextlib
import math
import select
import threading
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

import anyio
import anyio.to_thread

from .eventfd import EventFd
from .loops import loop_runner, loop_runs_here, wait_ready
from .waiter import Direction, Waiter

T = TypeVar("T")

_LONGEST_POLL = 1_000_000.0
"""Seconds: poll(2) takes no more milliseconds than an int holds. A longer wait returns for nothing in between."""


class Context(Protocol):
    """Something that coroutines run in, and can therefore wait in."""

    def wait(self, waiter: Waiter) -> Awaitable[None]:
        """Return when the descriptor is ready or the waiter was woken.

        Raises TimeoutError after the deadline. However it ends, nothing stays registered.
        """

    def call(self, key: Hashable, function: Callable[[], T]) -> Awaitable[T]:
        """Make a call that may block for long, holding up nobody who runs in the same context.

        Calls with equal keys are expected to take about as long as one another. Once begun it is never cut off.
        """


class Call(NamedTuple):
    """A blocking call that a bare coroutine asks its stepper for; `function` may raise, and the coroutine gets that."""

    key: Hashable
    function: Callable[[], Any]


BareCoroutine = Coroutine[Waiter | Call, Any, T]
"""A coroutine that a stepper can run: it yields nothing but these two."""


class _Bare:
    """In the hands of a stepper."""

    @types.coroutine
    def wait(self, waiter: Waiter) -> Generator[Waiter, Any, None]:
        try:
            yield waiter
        finally:
            waiter.disarm()  # the waker knows the waiter: together they would wait for the garbage collector

    @types.coroutine
    def call(self, key: Hashable, function: Callable[[], T]) -> Generator[Call, T, T]:
        return (yield Call(key, function))


class _Loop:
    """In a task of asyncio or trio."""

    async def wait(self, waiter: Waiter) -> None:
        remaining = waiter.remaining()
        deadline = math.inf if remaining is None else anyio.current_time() + remaining
        with anyio.CancelScope(deadline=deadline) as scope:
            run_in_loop = loop_runner()
            over = False

            def end_wait() -> None:
                if not over:
                    scope.cancel()

            def wake() -> None:
                # A loop that has ended took its tasks with it: nobody is left to wake.
                with contextlib.suppress(RuntimeError):
                    run_in_loop(end_wait)

            waiter.arm(wake)
            try:
                await wait_ready(waiter.fd, waiter.direction)
            finally:
                waiter.disarm()
                over = True
        if scope.cancelled_caught and not waiter.woken:
            raise TimeoutError

    async def call(self, key: Hashable, function: Callable[[], T]) -> T:  # noqa: ARG002
        # A limiter of its own: the default one lets forty slow calls hold up everybody else.
        return await anyio.to_thread.run_sync(function, limiter=anyio.CapacityLimiter(math.inf))


class _Thread:
    """In a plain thread without a loop."""

    async def wait(self, waiter: Waiter) -> None:
        remaining = waiter.remaining()
        with EventFd() as woken:
            poll = select.poll()
            poll.register(waiter.fd, select.POLLIN if waiter.direction is Direction.READ else select.POLLOUT)
            poll.register(woken.fileno(), select.POLLIN)
            waiter.arm(woken.set)
            try:
                ready = poll.poll(None if remaining is None else math.ceil(min(remaining, _LONGEST_POLL) * 1000))
            finally:
                waiter.disarm()
        if not ready and waiter.remaining() == 0.0:
            raise TimeoutError

    async def call(self, key: Hashable, function: Callable[[], T]) -> T:  # noqa: ARG002
        return function()


class _Stepping(threading.local):
    """How many steppers are at work in this thread, one inside the other."""

    depth = 0


_BARE, _LOOP, _THREAD = _Bare(), _Loop(), _Thread()
_stepping = _Stepping()


def current_context() -> Context:
    """The context that is stepping the calling coroutine now. Never keep the answer beyond one wait."""
    if _stepping.depth:
        return _BARE
    return _LOOP if loop_runs_here() else _THREAD


async def pause(seconds: float) -> None:
    """Wait for so many seconds in the current context, or less: like every wait it may return for nothing."""
    with EventFd() as never, contextlib.suppress(TimeoutError):
        await current_context().wait(Waiter(never.fileno(), Direction.READ, time.monotonic() + seconds))


@contextlib.contextmanager
def stepping() -> Iterator[None]:
    """While this lasts, coroutines resumed by this thread are bare and yield their waits and calls to it."""
    _stepping.depth += 1
    try:
        yield
    finally:
        _stepping.depth -= 1


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of channel waits to its end in this thread, which must have no event loop.

    Raises RuntimeError if a loop runs here, or if the coroutine waits for something that only a loop can provide.
    """
    if current_context() is not _THREAD:
        coroutine.close()
        raise RuntimeError("run() is for a thread without an event loop: here, await the coroutine")
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine awaited something that is no channel: a plain thread cannot wait for that")
