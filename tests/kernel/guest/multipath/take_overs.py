"""Take-overs one after another, as fast as they go: PREEMPT with both keys our own, as a machine sends it once it has
migrated. In the middle of one, our paths have two keys."""

from __future__ import annotations

import itertools
import threading
import time
from types import TracebackType

from tests.support.client import HungUpError
from tests.support.nexus import Nexus
from tests.support.spc import CONFLICT, GOOD

from .cluster import K
from .scenarios import WR

ER = 6


class TakeOvers:
    """They go on from `with` until one is not GOOD, or the end of `with`, or of the helper.

    Nobody else may use the nexus meanwhile. kinds: the types that are asked for in turn. If it is one, which we hold by
    a path that is here, there is nothing to take over, and all that is to be done is to say so.
    answers: the status of each. longest: how long one took, at most, in seconds. kind: the type of the last.
    """

    def __init__(self, nexus: Nexus, kinds: tuple[int, ...] = (ER, WR)) -> None:
        self._nexus = nexus
        self._kinds = itertools.cycle(kinds)
        self._thread = threading.Thread(target=self._run)
        self._stopped = False
        self._one_more = threading.Semaphore(0)
        self.answers: list[int] = []
        self.longest = 0.0
        self.kind = WR

    def __enter__(self) -> TakeOvers:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        self._thread.join()

    def let_one_pass(self) -> None:
        """Return as soon as one more has ended."""
        assert self._one_more.acquire(timeout=30)

    def end(self) -> None:
        """Return once one was not GOOD. It must be the conflict of a host that was fenced."""
        self._thread.join(timeout=30)
        assert self.answers[-1] == CONFLICT, self.answers

    def _run(self) -> None:
        while not self._stopped:
            self.kind, began = next(self._kinds), time.monotonic()
            try:
                self.answers.append(self._nexus.preempt(K, K, self.kind))
            except HungUpError:
                return
            self.longest = max(self.longest, time.monotonic() - began)
            self._one_more.release()
            if self.answers[-1] != GOOD:
                return
