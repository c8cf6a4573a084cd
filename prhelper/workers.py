"""Threads for work that may block: as many as there is work at once, kept for a while when idle.

`concurrent.futures` has a ceiling on its threads and never gives one back; here hundreds may be stuck in a dead disk,
and afterwards their number returns to what it was.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable

IDLE_SECONDS = 5.0
"""How long an idle thread is kept. A burst of commands comes again within seconds, or not for minutes."""

Job = Callable[[], None]


class Workers:
    """A pool without a ceiling.

    Its threads have the signals blocked that whoever calls `run` has blocked: all of them, so that no ioctl is ever
    interrupted. Blocking them for each thread would take longer than starting it.

    A job must not raise: what it raises ends its thread, through `threading.excepthook`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Job | None]] = []
        self._threads: set[threading.Thread] = set()
        self._stopped = False

    def run(self, job: Job) -> None:
        """Run `job` at once, in a thread that does nothing else meanwhile. RuntimeError if no thread can be had."""
        with self._lock:
            if self._idle:
                self._idle.pop().put(job)  # the one that was busy last, so that the others may go
                return
        threading.Thread(target=self._work, args=(job,), name="prhelper-io", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Let each thread end after its job, waiting `timeout` seconds in all: whether all of them did."""
        with self._lock:
            self._stopped = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
            threads = list(self._threads)
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _work(self, first: Job) -> None:
        thread = threading.current_thread()
        inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        with self._lock:
            self._threads.add(thread)
        try:
            job: Job | None = first
            while job is not None:
                job()
                job = self._next_job(inbox)
        finally:
            with self._lock:
                self._threads.discard(thread)

    def _next_job(self, inbox: "queue.SimpleQueue[Job | None]") -> Job | None:
        with self._lock:
            if self._stopped:
                return None
            self._idle.append(inbox)
        with contextlib.suppress(queue.Empty):
            return inbox.get(timeout=IDLE_SECONDS)
        with self._lock:
            if inbox in self._idle:
                self._idle.remove(inbox)
                return None
        return inbox.get()  # chosen at the last moment
