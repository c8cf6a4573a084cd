"""Threads for work that may block: one per job, reused, and kept for a while when idle.

This is trio's thread cache, but for two things. `concurrent.futures` limits its threads and never ends one; here
hundreds may be stuck in a dead disk, and afterwards their number returns to what it was. `threading.Thread.start` waits
until the new thread runs: while others compete for the GIL that takes longer than the command that the thread is for,
and it is the leader that waits. So these are bare threads.

One idle thread is always held in reserve for the one job that must not fail for want of a thread: leading. At the limit
of threads (TasksMax=, ulimit -u) every other job is refused instead.
"""

import _thread
import contextlib
import queue
import sys
import threading
from collections.abc import Callable

IDLE_SECONDS = 5.0
"""How long an idle thread is kept: the next burst of commands comes within seconds, or not for minutes."""

Job = Callable[[], None]
_Inbox = queue.SimpleQueue[Job | None]


class NoThreadError(RuntimeError):
    """The system allows no further thread; the text says how to raise the limit."""

    def __init__(self) -> None:
        super().__init__("cannot start a thread: allow more (TasksMax=, ulimit -u)")


class ThreadPool:
    """A pool without a limit of its own.

    A thread inherits the signal mask of the caller of `run`, which must block every signal, so that no ioctl is ever
    interrupted. Blocking them for each thread would take longer than starting it.

    A job must not raise: an exception ends its thread, through `threading.excepthook`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: list[_Inbox] = []
        self._reserve: _Inbox | None = None
        self._threads = 0
        self._stopped = False

    @property
    def has_reserve(self) -> bool:
        """Whether `run_from_reserve` cannot fail."""
        return self._reserve is not None

    def counts(self) -> tuple[int, int, bool]:
        """How many threads there are, how many without work, and whether one more of these is in reserve."""
        return self._threads, len(self._idle), self.has_reserve

    def fill_reserve(self) -> None:
        """Put a thread in reserve soon. Raises NoThreadError if none can be started."""
        self.run(_do_nothing)  # a thread without work becomes the reserve

    def run(self, job: Job) -> None:
        """Run `job` at once in a thread of its own. Raises NoThreadError if none can be started."""
        with self._changed:
            if self._idle:
                self._idle.pop().put(job)  # the last to become idle, so that the others can end
                return
            try:
                _thread.start_new_thread(self._work, (job,))
            except RuntimeError:
                raise NoThreadError from None
            self._threads += 1

    def run_from_reserve(self, job: Job) -> None:
        """As `run`, but in the thread in reserve if there is no other."""
        try:
            self.run(job)
        except NoThreadError:
            with self._changed:
                inbox, self._reserve = self._reserve, None
            if inbox is None:
                raise
            inbox.put(job)

    def stop(self, timeout: float) -> bool:
        """Let each thread end after its job, waiting `timeout` seconds in all. Returns whether all ended."""
        with self._changed:
            self._stopped = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
            if self._reserve is not None:
                self._reserve.put(None)
            return self._changed.wait_for(lambda: self._threads == 0, timeout)

    def _work(self, first: Job) -> None:
        inbox: _Inbox = queue.SimpleQueue()
        try:
            job: Job | None = first
            while job is not None:
                job()
                job = self._next_job(inbox)
        except BaseException:  # a bug, reported as in any other thread
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), None)))
        finally:
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _next_job(self, inbox: _Inbox) -> Job | None:
        with self._changed:
            if self._stopped:
                return None
            if in_reserve := self._reserve is None:
                self._reserve = inbox
            else:
                self._idle.append(inbox)
        if in_reserve:
            return inbox.get()
        with contextlib.suppress(queue.Empty):
            return inbox.get(timeout=IDLE_SECONDS)
        with self._changed:
            if inbox in self._idle:
                self._idle.remove(inbox)
                return None
        return inbox.get()  # `run` chose this thread at the last moment


def _do_nothing() -> None:
    """The first job of a thread for the reserve."""
