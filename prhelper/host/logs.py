"""Logging that never stalls the daemon.

Whoever logs only puts a record into a bounded queue; one thread writes to the sink, which may be slow, stuck or gone.
When the queue is full, records are counted instead, and the count is written when there is room again. A record with a
`repeat` (its kind, and how many of that kind are written a minute) goes through `repeats` first.
"""

import logging
import queue
import threading
import time
from collections.abc import Hashable

from .repeats import Repeats
from .signals import every_signal_blocked
from .sinks import FileSink, Sink, choose, fallback

BYTES = 5
"""The level of -vv, below DEBUG: what went over the wire."""

_MOST_QUEUED = 10_000

_LEVELS = {-1: logging.ERROR, 0: logging.INFO, 1: logging.DEBUG, 2: BYTES}


class LogHandler(logging.Handler):
    """Takes records from any thread. Until `start`, and in a process that never starts it, it writes by itself.

    own_choice: the sink was chosen here (--log=auto), so another may be chosen when it breaks.
    """

    def __init__(self, sink: Sink, own_choice: bool) -> None:
        super().__init__()
        self._sink = sink
        self._own_choice = own_choice
        self._repeats = Repeats()
        self._queue: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, or count it."""
        repeat = getattr(record, "repeat", None)
        if repeat is not None and not self._admitted(repeat, record):
            return
        if self._thread is None:
            self._write(record)
        elif self._queue.qsize() < _MOST_QUEUED:
            self._queue.put(record)
        else:
            self._dropped += 1

    def _admitted(self, repeat: tuple[Hashable, int], record: logging.LogRecord) -> bool:
        kind, burst = repeat
        return self._repeats.admit(kind, burst, record.getMessage(), time.monotonic())

    def start(self) -> None:
        """Write in a thread of its own from now on."""
        self._thread = threading.Thread(target=self._run, name="prhelper-log", daemon=True)
        with every_signal_blocked():
            self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Write what is queued, for `timeout` seconds at most; a stuck sink is left behind. Harmless when repeated."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            self._queue.put(None)
            thread.join(timeout)

    @property
    def stuck(self) -> bool:
        """Whether the thread is still writing, after `stop`."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            due = self._repeats.next_due()
            try:
                record = self._queue.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
            except queue.Empty:
                self._write_sums(everything=False)
                continue
            if record is None:
                self._write_sums(everything=True)
                return
            self._write(record)
            self._confess()

    def _write_sums(self, everything: bool) -> None:
        for line in self._repeats.sum_up(time.monotonic(), everything):
            self._write(_record(logging.INFO, line))

    def _confess(self) -> None:
        if self._dropped and self._queue.empty():
            count, self._dropped = self._dropped, 0
            self._write(_record(logging.WARNING, f"{count} lines were lost: the log could not be written fast enough"))

    def _write(self, record: logging.LogRecord) -> None:
        try:
            self._sink.write(record)
        except Exception:  # whatever is wrong with a sink, or a record, costs that record and no more
            if self._own_choice and isinstance(self._sink, FileSink):
                self._sink = fallback()
                self._write(record)


def set_up(name: str, in_background: bool, verbosity: int) -> LogHandler:
    """Log to the sink called `name`, at the level of so many -v less -q. Raises OSError if that sink is not there."""
    logging.addLevelName(BYTES, "DEBUG")
    logging.logThreads = False  # no sink shows it, and asking makes an object for each of the bare threads of `workers`
    level = _LEVELS[max(-1, min(verbosity, 2))]
    return _attach("prhelper", level, LogHandler(choose(name, in_background), own_choice=name == "auto"))


def set_up_traces(fd: int | None) -> LogHandler | None:
    """Write traces to the file `fd`, which may be as slow as it likes; without one they go to the log."""
    if fd is None:
        return None
    return _attach("prhelper.trace", logging.INFO, LogHandler(FileSink(fd), own_choice=False))


def _attach(name: str, level: int, handler: LogHandler) -> LogHandler:
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    return handler


def _record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("prhelper", level, "", 0, text, None, None)
