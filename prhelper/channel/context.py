"""Where a coroutine waits: in whatever runs it at that moment.

A channel belongs to no event loop. Each time a coroutine has to wait, `current_context` finds out what is running it
now, and that context arranges the wait; nothing is kept beyond the wait (QEMU: qemu_coroutine_get_aio_context, called
by qio_channel_yield and not when a channel is attached). There are three contexts:

1. A *stepper* resumes the bare coroutine itself (`stepping`). It is yielded each wait as a `Waiter` and each blocking
   call as a `Call`, and may resume the coroutine in another thread.
2. An event loop, asyncio's or trio's, runs the task. The wait is anyio's, and can be cancelled.
3. Neither: the thread itself waits, in poll(2). `run` drives a coroutine to its end in this way.

A stepper takes precedence, because it may run in a thread that also has a loop.
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
from .waiter import Direction, Pause, Waiter

T = TypeVar("T")

_MAX_POLL = 1_000_000.0
"""Seconds. poll(2) takes its milliseconds as an int; a longer wait has spurious wakeups in between."""


class Context(Protocol):
    """Something that runs coroutines, and arranges their waits."""

    def wait(self, waiter: Waiter) -> Awaitable[None]:
        """Return when the descriptor is ready or the waiter has been woken.

        Raises TimeoutError after the deadline. However it ends, nothing stays registered.
        """

    def call(self, key: Hashable, function: Callable[[], T]) -> Awaitable[T]:
        """Make a call that may block for long, without blocking other coroutines in this context.

        Calls with equal keys are expected to take about equally long. A call that has begun cannot be cancelled.
        """


class Call(NamedTuple):
    """A blocking call that a bare coroutine asks of its stepper, which passes on what `function` returns or raises."""

    key: Hashable
    function: Callable[[], Any]


BareCoroutine = Coroutine[Waiter | Call, Any, T]
"""A coroutine that a stepper can run: it yields only these two."""


class _Bare:
    """Run by a stepper."""

    @types.coroutine
    def wait(self, waiter: Waiter) -> Generator[Waiter, Any, None]:
        try:
            yield waiter
        finally:
            waiter.disarm()  # waker and waiter refer to each other: breaks the reference cycle

    @types.coroutine
    def call(self, key: Hashable, function: Callable[[], T]) -> Generator[Call, T, T]:
        return (yield Call(key, function))


class _Loop:
    """Run as a task, by asyncio or trio."""

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
                # The loop has ended, and its tasks with it: there is nothing to wake.
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
        # Not anyio's default limiter, where forty slow calls block all others.
        return await anyio.to_thread.run_sync(function, limiter=anyio.CapacityLimiter(math.inf))


class _Thread:
    """Run in a thread without a loop."""

    async def wait(self, waiter: Waiter) -> None:
        remaining = waiter.remaining()
        with EventFd() as woken:
            poll = select.poll()
            poll.register(waiter.fd, select.POLLIN if waiter.direction is Direction.READ else select.POLLOUT)
            poll.register(woken.fileno(), select.POLLIN)
            waiter.arm(woken.set)
            try:
                ready = poll.poll(None if remaining is None else math.ceil(min(remaining, _MAX_POLL) * 1000))
            finally:
                waiter.disarm()
        if not ready and waiter.remaining() == 0.0:
            raise TimeoutError

    async def call(self, key: Hashable, function: Callable[[], T]) -> T:  # noqa: ARG002
        return function()


class _Stepping(threading.local):
    """How many steppers this thread is in, nested."""

    depth = 0


_BARE, _LOOP, _THREAD = _Bare(), _Loop(), _Thread()
_stepping = _Stepping()


def current_context() -> Context:
    """The context that runs the calling coroutine now. Do not keep it beyond one wait."""
    if _stepping.depth:
        return _BARE
    return _LOOP if loop_runs_here() else _THREAD


async def pause(seconds: float) -> None:
    """Wait for so many seconds in the current context, or less: like every wait it may return for nothing."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        if _stepping.depth:  # the stepper may watch a descriptor for longer than this keeps it open
            await _BARE.wait(Pause(deadline))
        else:
            with EventFd() as never:
                await current_context().wait(Waiter(never.fileno(), Direction.READ, deadline))


@contextlib.contextmanager
def stepping() -> Iterator[None]:
    """Mark this thread as a stepper: coroutines that it resumes yield their waits and calls to it."""
    _stepping.depth += 1
    try:
        yield
    finally:
        _stepping.depth -= 1


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits only for channels to its end, in this thread, which must have no event loop.

    Raises RuntimeError if a loop runs here, or if the coroutine awaits something that needs a loop.
    """
    if current_context() is not _THREAD:
        coroutine.close()
        raise RuntimeError("run() needs a thread without an event loop; in this one, await the coroutine")
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine awaited something other than a channel, which needs an event loop")
