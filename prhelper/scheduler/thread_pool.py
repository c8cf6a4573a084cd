"""Threads for work that may block: as many as there is work at once, kept for a while when idle.

`concurrent.futures` has a ceiling on its threads and never gives one back; here hundreds may be stuck in a dead disk,
and afterwards their number returns to what it was. `threading.Thread` has whoever starts a thread wait until that runs:
while others fight for the GIL this takes longer than the command that the thread is for, and it is the leader who
waits. So these are bare threads.

One idle thread is always held in reserve, for the one job that must not fail for want of a thread: leading. Where the
limit of threads is reached (TasksMax=, ulimit -u), everything else is refused instead.
"""

import _thread
import contextlib
import queue
import sys
import threading
from collections.abc import Callable

IDLE_SECONDS = 5.0
"""How long an idle thread is kept. A burst of commands comes again within seconds, or not for minutes."""

Job = Callable[[], None]
_Inbox = queue.SimpleQueue[Job | None]


class NoThreadError(RuntimeError):
    """The system gives no further thread; the text says how to allow more."""

    def __init__(self) -> None:
        super().__init__("cannot start a thread: allow more (TasksMax=, ulimit -u)")


class ThreadPool:
    """A pool without a ceiling.

    Its threads have the signals blocked that whoever calls `run` has blocked: all of them, so that no ioctl is ever
    interrupted. Blocking them for each thread would take longer than starting it.

    A job must not raise: what it raises ends its thread, through `threading.excepthook`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: list[_Inbox] = []
        self._reserve: _Inbox | None = None
        self._threads = 0
        self._stopped = False

    @property
    def has_reserve(self) -> bool:
        """Whether `run_from_reserve` is certain to succeed."""
        return self._reserve is not None

    def fill_reserve(self) -> None:
        """Have a thread in reserve soon. Raises NoThreadError if there is none to be had."""
        self.run(_do_nothing)  # a thread without work becomes the reserve

    def run(self, job: Job) -> None:
        """Run `job` at once, in a thread that does nothing else meanwhile. NoThreadError if no thread can be had."""
        with self._changed:
            if self._idle:
                self._idle.pop().put(job)  # the one that was busy last, so that the others may go
                return
            try:
                _thread.start_new_thread(self._work, (job,))
            except RuntimeError:
                raise NoThreadError from None
            self._threads += 1

    def run_from_reserve(self, job: Job) -> None:
        """As `run`, but with the thread in reserve if there is no other."""
        try:
            self.run(job)
        except NoThreadError:
            with self._changed:
                inbox, self._reserve = self._reserve, None
            if inbox is None:
                raise
            inbox.put(job)

    def stop(self, timeout: float) -> bool:
        """Let each thread end after its job, waiting `timeout` seconds in all: whether all of them did."""
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
        except BaseException:  # a bug, to be as loud as in any other thread
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
        return inbox.get()  # chosen at the last moment


def _do_nothing() -> None:
    """The first job of a thread for the reserve."""
