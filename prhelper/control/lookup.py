"""A question that may take for ever, asked by a thread that may be lost: the main thread waits for it a moment."""

import contextlib
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

from ..channel import EventFd, current_context
from ..scheduler.iothread import IOThreads
from ..scheduler.thread_pool import NoThreadError
from ..serving.server import wait_for

PATIENCE = 0.2
"""Seconds that the main thread waits. An answer that comes later is there for the next who asks."""

T = TypeVar("T")


class Lookup(Generic[T]):
    """Asks one question at a time. For the main thread. answer: the last that came."""

    def __init__(self, threads: IOThreads, answer: T) -> None:
        self._threads = threads
        self.answer = answer
        self._busy = False
        self._done = EventFd()

    async def ask(self, question: Callable[[], T]) -> None:
        """Ask, and wait for PATIENCE at most. While the last question is not answered, no other is asked."""
        if self._busy:  # and it was waited for already
            return
        self._busy = True
        self._done.clear()
        self._threads.spawn(self._call(question), lambda _: self._finish())
        with anyio.move_on_after(PATIENCE):
            await wait_for(self._done)

    def close(self) -> None:
        """Close what this has open, once no question is being asked."""
        self._done.close()

    async def _call(self, question: Callable[[], T]) -> None:
        with contextlib.suppress(NoThreadError):
            self.answer = await current_context().call(None, question)

    def _finish(self) -> None:
        self._busy = False
        self._done.set()
