"""Whether this process reaches multipathd, where it acts on maps: what another process can reach says nothing of it."""

import time
from collections.abc import Callable
from typing import NamedTuple

from ..device.multipath.multipathd import Reply
from ..scheduler.iothread import IOThreads
from .lookup import Lookup

FRESH = 1.0
"""Seconds for which an answer is told again."""

AskMultipathd = Callable[[], Reply | None]
"""Asks multipathd something, which may take seconds; None if there is no map."""


class Reached(NamedTuple):
    """at: when it was asked (`time.time`). trouble: why it could not be; None if it could."""

    at: float
    trouble: str | None


class Reaching:
    """Asks multipathd when somebody wants to know. For the main thread. ask: None if this process acts on no maps."""

    def __init__(self, threads: IOThreads, ask: AskMultipathd | None) -> None:
        self._ask = ask
        self._lookup: Lookup[Reached | None] = Lookup(threads, None)
        self._asked = float("-inf")

    async def look(self) -> Reached | None:
        """What came of asking last; None if it was not asked, or nothing has come of it yet. Waits a moment at most."""
        ask = self._ask
        if ask is not None and time.monotonic() - self._asked >= FRESH:
            self._asked = time.monotonic()
            await self._lookup.ask(lambda: _reached(ask()))
        return self._lookup.answer

    def close(self) -> None:
        """Close what this has open, once it does not ask."""
        self._lookup.close()


def _reached(reply: Reply | None) -> Reached | None:
    return None if reply is None else Reached(time.time(), reply.trouble)
