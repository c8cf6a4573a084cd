"""Lines that repeat are counted, not written, so that no guest can flood the log."""

import threading
from collections.abc import Hashable

WINDOW = 60.0
"""Seconds. Within each, a kind of line is written a limited number of times; the rest is summed up at its end."""

_MOST_KINDS = 4096


class _Kind:
    __slots__ = ("began", "example", "left", "withheld")

    def __init__(self, began: float, burst: int) -> None:
        self.began = began
        self.left = burst
        self.withheld = 0
        self.example = ""


class Repeats:
    """Decides which lines are written. Times are of `time.monotonic`; any thread may ask."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, _Kind] = {}  # the oldest window first
        self._evicted: list[_Kind] = []
        self._lock = threading.Lock()

    def admit(self, kind: Hashable, burst: int, line: str, now: float) -> bool:
        """Whether to write `line`, one of at most `burst` of its kind in a window."""
        with self._lock:
            state = self._kinds.get(kind)
            if state is None:
                self._make_room()
                state = self._kinds[kind] = _Kind(now, burst)
            if state.left > 0:
                state.left -= 1
                return True
            state.withheld += 1
            state.example = line
            return False

    def next_due(self) -> float | None:
        """When the oldest window ends; None if none is open."""
        with self._lock:
            if self._evicted:
                return 0.0
            return next((state.began + WINDOW for state in self._kinds.values()), None)

    def sum_up(self, now: float, everything: bool = False) -> list[str]:
        """Close the windows that are over: a line for each that withheld some."""
        with self._lock:
            closed, self._evicted = self._evicted, []
            for kind, state in list(self._kinds.items()):
                if not everything and now < state.began + WINDOW:
                    break
                closed.append(self._kinds.pop(kind))
        return [f"{state.withheld} more like this: {state.example}" for state in closed if state.withheld]

    def _make_room(self) -> None:
        # The oldest window goes, rather than the line of somebody who has not had a word yet.
        if len(self._kinds) >= _MOST_KINDS:
            self._evicted.append(self._kinds.pop(next(iter(self._kinds))))
