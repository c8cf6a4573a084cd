"""Burst threads share one processor, as soon as there are more than a few.

Only one thread at a time runs Python, the one that has the GIL, and every call that may block lets it go. With many
threads on many processors each such call wakes somebody on another one, who finds that the caller has the GIL back
already, or takes it and makes the caller wait: thirteen switches a request, with 16 clients on a device of 300 us. On
one processor whoever is woken has to wait for his turn, and a short call finds the GIL as it was left: two switches,
and nearly twice the requests. The waiting, which is what bursts are for, is not done by a processor at all.

The processor must not become a trap, for others with a higher priority may take it over. So it is where the leader was,
which the kernel moves as it likes; it is chosen anew every second, and no burst lasts longer than that.

An administrator's mask comes first (`taskset -a -p` changes each thread's while it runs). A thread is moved only within
the mask that it has, and a mask that is not the one set here is left alone. One thing cannot be told: a mask of the
bursts' processor alone.
"""

import contextlib
import os
import time
from types import TracebackType

from ..host.libc import sched_getcpu

SETTLED = 1.0
"""Seconds for which a processor is kept. Moving threads costs some ten microseconds each."""

FEW = 4
"""So many bursts at once are left where they are: they seldom meet at the GIL, and when a processor has to wake one, it
matters more that it is idle. Measured on devices of 300 us, apart and together: 4 clients 10 000 and 9 700 commands a
second, 6 clients 11 000 and 13 700, 16 clients 12 000 and 22 000."""


class SharedCpu:
    """The processor of all burst threads of a process."""

    def __init__(self) -> None:
        self.cpu = -1
        self.bursts: set[PinnedBurst] = set()
        self._choose_at = 0.0

    def choose(self) -> None:
        """Take the calling thread's processor, if the last choice is old. That thread must be free to be moved."""
        now = time.monotonic()
        if now >= self._choose_at:
            self._choose_at = now + SETTLED
            with contextlib.suppress(OSError):  # where a sandbox forbids it: slower, and no more than that
                self.cpu = sched_getcpu()


class PinnedBurst:
    """The calling thread, while it is in a burst; a context manager that leaves the thread as free as it was."""

    def __init__(self, shared: SharedCpu) -> None:
        self._shared = shared
        self._cpu = -1
        self._leave_at = time.monotonic() + SETTLED
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
        """Whether the burst may go on; moves the thread to where the others are."""
        self._join_the_others()
        return time.monotonic() < self._leave_at

    def _join_the_others(self) -> None:
        if self._cpu == self._shared.cpu or len(self._shared.bursts) <= FEW:
            return
        self._cpu = self._shared.cpu
        # EPERM where a sandbox forbids it, EINVAL where the processor is gone: slower, and no more than that.
        with contextlib.suppress(OSError):
            mask = os.sched_getaffinity(0)
            if mask != self._pinned:
                self._free = mask
            if self._cpu in self._free:
                os.sched_setaffinity(0, {self._cpu})
                self._pinned = {self._cpu}
