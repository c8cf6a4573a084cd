"""A periodic timer that any thread can start and stop: timerfd_create(2)."""

import os

from ..host.libc import itimerspec, timerfd_create, timerfd_settime

_AT_ONCE = 1  # nanosecond: 0 would stop the timer


class Ticker:
    """Ticks every `interval` seconds between `start` and `stop`, which any thread may call; one thread waits for ticks.

    `start` wakes no thread: that is what makes it cheap. Each method raises OSError once the ticker is closed.
    """

    def __init__(self, interval: float) -> None:
        nanoseconds = round(interval * 1_000_000_000)
        self._running = itimerspec(nanoseconds, nanoseconds)
        self._at_once = itimerspec(_AT_ONCE, nanoseconds)
        self._stopped = itimerspec(0, 0)
        self._fd = timerfd_create()

    def start(self) -> None:
        """Tick, first one interval from now."""
        timerfd_settime(self._fd, self._running)

    def start_at_once(self) -> None:
        """Tick, first at once."""
        timerfd_settime(self._fd, self._at_once)

    def stop(self) -> None:
        """Stop ticking."""
        timerfd_settime(self._fd, self._stopped)

    def wait(self) -> None:
        """Wait for the next tick; ticks missed meanwhile count as one."""
        os.read(self._fd, 8)

    def close(self) -> None:
        """Close the descriptor. No thread may be in `wait`."""
        fd, self._fd = self._fd, -1
        os.close(fd)
