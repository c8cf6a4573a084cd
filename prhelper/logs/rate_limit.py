"""Counts lines that repeat instead of writing them, so that no guest can flood the log."""

import threading
from collections.abc import Hashable

from .record import LazyMessage

WINDOW = 60.0
"""Seconds. In each window a kind of line is written a limited number of times; the rest is summed up at its end."""

_MAX_OPEN = 4096
_MAX_CLOSED = 4096


class _Window:
    __slots__ = ("began", "example", "left", "withheld")

    def __init__(self, began: float, burst: int) -> None:
        self.began = began
        self.left = burst
        self.withheld = 0
        self.example: str | LazyMessage = ""


class Repeats:
    """Decides which lines are written. Any thread may call; `now` is of `time.monotonic`."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Window] = {}  # oldest first
        self._closed: list[_Window] = []  # not summed up yet
        self._unnamed = 0  # lines withheld in windows that _closed had no room for
        self._lock = threading.Lock()

    def admit(self, kind: Hashable, burst: int, message: str | LazyMessage, now: float) -> bool:
        """Whether to write `message`, one of at most `burst` of its kind in a window."""
        with self._lock:
            window = self._open.get(kind)
            if window is not None and now >= window.began + WINDOW:  # the log's thread may be late with `sum_up`
                self._close(kind)
                window = None
            if window is None:
                self._make_room()
                window = self._open[kind] = _Window(now, burst)
            if window.left > 0:
                window.left -= 1
                return True
            window.withheld += 1
            window.example = message
            return False

    def next_due(self) -> float | None:
        """When the oldest window ends; None if none is open."""
        with self._lock:
            if self._closed:
                return 0.0
            return next((window.began + WINDOW for window in self._open.values()), None)

    def sum_up(self, now: float, everything: bool = False) -> list[str]:
        """Close the windows that are over: a line for each that withheld some. Slow: it words lazy messages."""
        with self._lock:
            for kind, window in list(self._open.items()):
                if not everything and now < window.began + WINDOW:
                    break
                self._close(kind)
            closed, self._closed = self._closed, []
            unnamed, self._unnamed = self._unnamed, 0
        lines = []
        for window in closed:
            try:
                lines.append(f"{window.withheld} more like this: {window.example}")
            except Exception:  # a faulty lazy message costs its example and no more
                unnamed += window.withheld
        return [*lines, f"{unnamed} more of various kinds"] if unnamed else lines

    def _make_room(self) -> None:
        # Rather end the oldest window early than withhold the first line of a new kind or account.
        if len(self._open) >= _MAX_OPEN:
            self._close(next(iter(self._open)))

    def _close(self, kind: Hashable) -> None:
        window = self._open.pop(kind)
        if window.withheld and len(self._closed) < _MAX_CLOSED:
            self._closed.append(window)
        else:
            self._unnamed += window.withheld


lines = Repeats()
"""The limits of this process's log. Ask it before making a record where making one would cost too much."""
