"""Who may use the main thread now: a limited part of its time, however much is asked.

The main thread competes with those that carry out commands, for the GIL. A process that asked without end, or sent
rubbish without end, would cost every command time.
"""

import contextlib
import time
from collections.abc import AsyncIterator

import anyio

SHARE = 0.1
"""The part of one processor that all connections together may use."""


class Turns:
    """One turn at a time, first come, first served; after each a pause as long as its processor time demands."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()
        self._free_at = 0.0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and take it."""
        async with self._lock:
            if (pause := self._free_at - time.monotonic()) > 0:
                await anyio.sleep(pause)
            began = time.thread_time()
            try:
                yield
            finally:
                spent = time.thread_time() - began
                self._free_at = time.monotonic() + spent * (1 / SHARE - 1)
