"""Burst threads share one CPU, once there are more than a few.

Only the thread that holds the GIL runs Python, and every call that may block releases it. With many threads on many
CPUs each such call wakes a thread on another CPU, which finds that the caller has taken the GIL back, or takes it and
makes the caller wait: thirteen context switches per request, with 16 clients on a 300 us device. On one CPU a woken
thread has to wait for its turn, and a short call finds the GIL as it left it: two switches, and nearly twice the
requests. The waiting, which is what bursts are for, needs no CPU at all.

The CPU must not become a trap, since a thread of higher priority may take it over. So it is the one the leader ran on,
which the scheduler moves freely; it is chosen anew every second, and no burst lasts longer than that.

An administrator's mask comes first (`taskset -a -p` changes each running thread's). A thread is moved only within the
mask that it has, and a mask that was not set here is left alone. One case cannot be told apart: a mask of the bursts'
CPU alone.
"""

import contextlib
import os
import time
from types import TracebackType

from ..host.libc import sched_getcpu

KEPT = 1.0
"""Seconds for which a CPU is kept. Moving a thread costs some ten microseconds."""

MAX_UNPINNED = 4
"""Up to this many bursts run unpinned: they rarely contend for the GIL, and waking on an idle CPU matters more.
Commands/s at 300 us, unpinned and pinned: 4 clients 10 000 and 9 700, 6 clients 11 000 and 13 700, 16 clients 12 000
and 22 000."""


class SharedCpu:
    """The CPU of all burst threads of a process."""

    def __init__(self) -> None:
        self.cpu = -1
        self.bursts: set[PinnedBurst] = set()
        self._choose_at = 0.0

    def choose(self) -> None:
        """Take the calling thread's CPU, if the last choice is old. That thread must not be pinned itself."""
        now = time.monotonic()
        if now >= self._choose_at:
            self._choose_at = now + KEPT
            with contextlib.suppress(OSError):  # where a sandbox forbids it: slower, and no more than that
                self.cpu = sched_getcpu()


class PinnedBurst:
    """The calling thread during a burst; a context manager that leaves the thread's mask as it was."""

    def __init__(self, shared: SharedCpu) -> None:
        self._shared = shared
        self._cpu = -1
        self._leave_at = time.monotonic() + KEPT
        self._free: set[int] = set()
        self._pinned: set[int] = set()

    def __enter__(self) -> "PinnedBurst":
        self._shared.bursts.add(self)
        self._join_the_others()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shared.bursts.discard(self)
        if self._pinned:
            with contextlib.suppress(OSError):
                if os.sched_getaffinity(0) == self._pinned:
                    os.sched_setaffinity(0, self._free)

    def may_stay(self) -> bool:
        """Whether the burst may go on. Moves the thread to the others' CPU."""
        self._join_the_others()
        return time.monotonic() < self._leave_at

    def _join_the_others(self) -> None:
        if self._cpu == self._shared.cpu or len(self._shared.bursts) <= MAX_UNPINNED:
            return
        self._cpu = self._shared.cpu
        # EPERM where a sandbox forbids it, EINVAL where the CPU is gone: slower, but nothing worse.
        with contextlib.suppress(OSError):
            mask = os.sched_getaffinity(0)
            if mask != self._pinned:
                self._free = mask
            if self._cpu in self._free:
                os.sched_setaffinity(0, {self._cpu})
                self._pinned = {self._cpu}
