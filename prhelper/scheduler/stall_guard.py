"""The stall guard: notices a leader that has been inside one step for too long, and has another appointed.

It checks once per tick while there is work, and sleeps without a timer while there is none. So that it never sleeps
through a stall, each side writes before it reads (docs/architecture.md, Lock-free steps): the leader marks that it is
inside a step, then checks whether the guard sleeps; the guard stops its ticks, marks that it sleeps, then checks
whether the leader is inside a step.

The leader does not wake the guard, it only starts the ticks: a thread that woke up in the middle of a command would
compete for the GIL. With one command every 100 ms the answer takes 310 us instead of 400.
"""

import time
from collections.abc import Callable, Hashable

from .ticker import Ticker

TICK = 0.001
"""Seconds between two checks. A hop to another thread costs a tenth of that, and a client queued behind a stalled
leader waits for two ticks at most."""

_STALLED = 0.9 * TICK
"""Seconds inside one step after which the leader is stalled. Two checks can be less than a tick apart: after a late
check the next expiration is already pending, and a poke can come at any time."""

_PARK_AFTER = 20
"""Ticks without work after which the guard sleeps."""


class Term:
    """One thread's time as leader: how many steps it began, whether it is inside one, and the device it is calling."""

    __slots__ = ("calling", "inside", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.inside = False
        self.calling: Hashable | None = None


class StallGuard:
    """Watches the leader.

    current_term: returns the current leader's term.
    depose: called in the guard's thread when that leader is stalled; must make another term current.
    """

    def __init__(self, current_term: Callable[[], Term], depose: Callable[[], None]) -> None:
        self.turns = 0
        self._current_term = current_term
        self._depose = depose
        self._ticker = Ticker(TICK)
        self._parked = True
        self._poked = False
        self._stopped = False

    def notice_work(self) -> None:
        """Called by a leader inside a step: the guard checks from the next tick on. Nearly free if it does already."""
        if self._parked:
            self._parked = False
            self._ticker.start()

    def poke(self) -> None:
        """Make a live guard count `turns` up soon."""
        self._poked = True
        self._parked = False
        self._ticker.start_at_once()

    def stop(self) -> None:
        """Make `run` return."""
        self._stopped = True
        self.poke()

    def close(self) -> None:
        """Close the timer, once leader and guard have ended."""
        self._ticker.close()

    def run(self) -> None:
        """Guard until `stop`."""
        seen: tuple[Term, int] | None = None
        seen_at = 0.0
        quiet = 0
        while not self._stopped:
            self._poked = False
            self.turns += 1
            term = self._current_term()
            if seen != (term, term.steps):
                seen, seen_at, quiet = (term, term.steps), time.monotonic(), 0
            elif not term.inside:
                quiet += 1
            elif time.monotonic() - seen_at >= _STALLED:
                self._depose()
                seen = None  # the next leader needs a moment to start
            if quiet >= _PARK_AFTER:
                self._park()
                quiet = 0
            self._ticker.wait()

    def _park(self) -> None:
        self._ticker.stop()
        self._parked = True
        if self._current_term().inside or self._poked or self._stopped:
            self._parked = False
            self._ticker.start()
