"""The four contexts that a channel's coroutine can run in, each as something that runs a body to its end.

`run` does so in the calling thread, `start` in a thread of its own, so that a test can have a reader in one context and
a writer in another. A body may await nothing but channels, since two of the contexts provide nothing else.
"""

import asyncio
import select
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

import trio

from prhelper.channel import BareCoroutine, Direction, EventFd, Waiter, run, stepping

T = TypeVar("T")
Body = Callable[[], Coroutine[Any, Any, T]]

PATIENCE = 30.0
"""Seconds after which something that should have happened long ago is taken to have failed."""


class Running(Generic[T]):
    """A body at work in a thread of its own."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._future: Future[T] = Future()
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._future.set_result(work())
        except BaseException as error:
            self._future.set_exception(error)

    def ends_within(self, seconds: float) -> bool:
        """Whether the body is done, now or after so many seconds."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> T:
        """What the body returned or raised, once its thread is gone."""
        self._thread.join(PATIENCE)
        return self._future.result(0)

    def fault(self) -> BaseException | None:
        """What the body raised, once its thread is gone."""
        self._thread.join(PATIENCE)
        return self._future.exception(0)


class Context:
    """A place to run coroutines in."""

    def __init__(self, name: str, run_body: Callable[[Body[Any]], Any]) -> None:
        self.name = name
        self._run_body = run_body

    def run(self, body: Body[T]) -> T:
        """Run `body` here, to its end."""
        result: T = self._run_body(body)
        return result

    def start(self, body: Body[T]) -> Running[T]:
        """Run `body` in a thread of its own."""
        return Running(lambda: self.run(body))

    def __repr__(self) -> str:
        return self.name


class Stepper:
    """Steps a bare coroutine by hand, in whichever thread calls."""

    def __init__(self, coroutine: BareCoroutine[T]) -> None:
        self._coroutine = coroutine
        self.ended = False
        self.result: Any = None

    def step(self, value: object = None, fault: BaseException | None = None) -> Any:
        """Resume the coroutine: the Waiter or Call that it asks for, or None if it has ended."""
        try:
            with stepping():
                return self._coroutine.throw(fault) if fault is not None else self._coroutine.send(value)
        except StopIteration as done:
            self.ended, self.result = True, done.value
            return None

    def finish(self) -> Any:
        """Step the coroutine to its end and return its result."""
        request = self.step()
        while not self.ended:
            value = None
            try:
                if isinstance(request, Waiter):
                    sit_out(request)
                else:
                    value = request.function()
            except Exception as error:
                request = self.step(fault=error)
            else:
                request = self.step(value)
        return self.result


def sit_out(waiter: Waiter) -> None:
    """Wait as a stepper does for a coroutine that yielded `waiter`."""
    with EventFd() as woken:
        poll = select.poll()
        if waiter.fd >= 0:
            poll.register(waiter.fd, select.POLLIN if waiter.direction is Direction.READ else select.POLLOUT)
        poll.register(woken.fileno(), select.POLLIN)
        waiter.arm(woken.set)
        try:
            remaining = waiter.remaining()
            ready = poll.poll(None if remaining is None else min(remaining * 1000, 1e9))
        finally:
            waiter.disarm()
    if not ready:
        raise TimeoutError


ASYNCIO = Context("asyncio", lambda body: asyncio.run(body()))
TRIO = Context("trio", trio.run)
THREAD = Context("thread", lambda body: run(body()))
STEPPER = Context("stepper", lambda body: Stepper(body()).finish())

LOOPS = (ASYNCIO, TRIO)
CONTEXTS = (ASYNCIO, TRIO, THREAD, STEPPER)
