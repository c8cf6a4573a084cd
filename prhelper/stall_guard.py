"""The stall guard: sees a leader that has been inside one step for too long, and has another appointed.

It looks once a tick while there is work, and sleeps without any timer while there is none. So that it never sleeps
through a stall, each side writes before it reads: the leader marks that it is inside a step and then looks whether the
guard sleeps; the guard marks that it sleeps and then looks whether the leader is inside.
"""

import threading
import time
from collections.abc import Callable, Hashable

TICK = 0.001
"""Seconds between two looks. A hop to another thread costs a tenth of that, and a client that was queued behind a
stalled leader waits for two ticks at most."""

_PARK_AFTER = 20
"""Ticks without work after which the guard goes to sleep."""


class Term:
    """One thread's time as leader: how many steps it began, whether it is inside one, and calling which device."""

    __slots__ = ("calling", "inside", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.inside = False
        self.calling: Hashable | None = None


class StallGuard:
    """Watches whoever leads.

    current_term: the term of the leader of the moment.
    depose: called, in the guard's thread, when that leader is stalled; must make another term current.
    """

    def __init__(self, current_term: Callable[[], Term], depose: Callable[[], None]) -> None:
        self.turns = 0
        self._current_term = current_term
        self._depose = depose
        self._parked = False
        self._unpark = threading.Event()
        self._stopped = False

    def notice_work(self) -> None:
        """The leader, inside a step now, wakes the guard if that sleeps. Costs next to nothing if it does not."""
        if self._parked:
            self._parked = False
            self._unpark.set()

    def poke(self) -> None:
        """Have `turns` counted up soon, if the guard is alive."""
        self._parked = False
        self._unpark.set()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped = True
        self.poke()

    def run(self) -> None:
        """Guard until `stop`."""
        seen: tuple[Term, int] | None = None
        quiet = 0
        while not self._stopped:
            self.turns += 1
            term = self._current_term()
            now: tuple[Term, int] | None = (term, term.steps)
            if now != seen:
                quiet = 0
            elif term.inside:
                self._depose()
                now = None  # it takes a moment until the next one leads
                quiet = 0
            else:
                quiet += 1
            seen = now
            if quiet >= _PARK_AFTER:
                self._park()
                quiet = 0
            else:
                time.sleep(TICK)

    def _park(self) -> None:
        self._parked = True
        if not self._current_term().inside and not self._stopped:
            self._unpark.wait()
        self._parked = False
        self._unpark.clear()  # after the wait: a poke that came before it must not be lost
