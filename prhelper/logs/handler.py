"""Logging that never stalls the daemon.

Threads that log only put a record into a bounded backlog; one thread writes to the sink, which may be slow, stuck or
gone. Records that find no room, or that the sink refuses, are counted, and the count is written as soon as possible.

A record may carry a limit, an account and fields, and a message that the log's thread words (see `record`).
"""

import contextlib
import logging
import threading
import time

from ..host.signals import every_signal_blocked
from . import rate_limit
from .backlog import Backlog
from .rate_limit import WINDOW, Repeats
from .record import LazyMessage, Limit
from .sinks import FileSink, Sink, choose, fallback, is_gone

BYTES = 5
"""The level of -vv, below DEBUG: the bytes on the wire."""

LEVELS = {"error": logging.ERROR, "info": logging.INFO, "debug": logging.DEBUG, "bytes": BYTES}
"""By name, from few lines to many."""

_LEVELS = dict(enumerate(LEVELS.values(), start=-1))
"""By the number of -v less that of -q."""

_ROOT = "prhelper"

_formatter = logging.Formatter()


class LogHandler(logging.Handler):
    """Takes records from any thread. They wait for `start`, or if that is never called, for `stop`.

    own_choice: the sink was not asked for by name (--log=auto), so another replaces it when it breaks.
    repeats: the limits, if other code asks them too.
    """

    def __init__(self, sink: Sink, own_choice: bool, repeats: Repeats | None = None) -> None:
        super().__init__()
        self._sink = sink
        self._own_choice = own_choice
        self._repeats = repeats or Repeats()
        self._backlog = Backlog()
        self._losses_reported = time.monotonic()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, or count it. Never waits and never raises."""
        try:
            _render(record)
            account = getattr(record, "account", record.name)
            limit: Limit | None = getattr(record, "limit", None)
            if limit is None or self._repeats.admit((limit.kind, account), limit.burst, record.msg, time.monotonic()):
                self._backlog.put(record, account)
        except Exception:  # a faulty record costs itself and no more
            self._backlog.lose(1)

    def start(self) -> None:
        """Start the thread that writes. Raises RuntimeError if no thread can be started."""
        thread = threading.Thread(target=self._run, name="prhelper-log", daemon=True)
        with every_signal_blocked():
            thread.start()
        self._thread = thread

    def stop(self, timeout: float = 1.0) -> None:
        """Write what is queued, for `timeout` seconds at most; give up on a stuck sink. May be called again."""
        self._backlog.close()
        if self._thread is None:
            with contextlib.suppress(RuntimeError):
                self.start()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    @property
    def waiting(self) -> int:
        """How many lines are not written yet."""
        return self._backlog.waiting

    @property
    def lost(self) -> int:
        """How many lines were lost since that was last written."""
        return self._backlog.lost

    @property
    def stuck(self) -> bool:
        """After `stop`: whether the thread is still writing."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._backlog.over:
            due = self._repeats.next_due()
            record = self._backlog.get(None if due is None else max(0.0, due - time.monotonic()))
            if record is not None:
                self._write(record)
            if due is not None and due <= time.monotonic():
                self._write_sums(everything=False)
            if self._backlog.empty or time.monotonic() >= self._losses_reported + WINDOW:
                self._report_losses()
        self._write_sums(everything=True)
        self._report_losses()

    def _write_sums(self, everything: bool) -> None:
        for line in self._repeats.sum_up(time.monotonic(), everything):
            self._write(_record(logging.INFO, line))

    def _report_losses(self) -> None:
        if count := self._backlog.take_lost():
            text = f"{count} line{'s' * (count != 1)} lost: the log could not be written, or not fast enough"
            if self._write_to_sink(_record(logging.WARNING, text)):
                self._losses_reported = time.monotonic()
            else:
                self._backlog.lose(count)

    def _write(self, record: logging.LogRecord) -> None:
        try:
            _render_lazy(record)
        except Exception:  # a faulty message costs its record and no more
            self._backlog.lose(1)
            return
        if not self._write_to_sink(record):
            self._backlog.lose(1)

    def _write_to_sink(self, record: logging.LogRecord) -> bool:
        try:
            self._sink.write(record)
        except Exception as error:  # a sink that fails costs this record and no more
            if not (self._own_choice and isinstance(self._sink, FileSink) and is_gone(error)):
                return False
            self._sink = fallback()
            return self._write_to_sink(record)
        return True


def _render(record: logging.LogRecord) -> None:
    """Turn everything that the record refers to into text, so that it keeps nothing alive. A lazy message stays."""
    if not isinstance(record.msg, LazyMessage):
        record.msg = record.getMessage()
    record.args = None
    if record.exc_info and not record.exc_text:
        record.exc_text = _formatter.formatException(record.exc_info)
    record.exc_info = None


def _render_lazy(record: logging.LogRecord) -> None:
    if isinstance(record.msg, LazyMessage):
        record.msg, record.fields = record.msg.words()


def set_up(name: str, in_background: bool, verbosity: int, unread: bool = False) -> LogHandler:
    """Log to the sink called `name`. Raises OSError if it is not there.

    in_background: there is no standard error.
    verbosity: the number of -v less that of -q.
    unread: standard error has no reader, or soon will have none.
    """
    logging.addLevelName(BYTES, "DEBUG")
    # No sink shows these, and asking takes longer than a fast device does, or makes an object for each bare thread.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    level = _LEVELS[max(-1, min(verbosity, 2))]
    return _attach(_ROOT, level, LogHandler(choose(name, in_background, unread), name == "auto", rate_limit.lines))


def level() -> str:
    """The name of the level of the log, one of LEVELS."""
    now = logging.getLogger(_ROOT).level
    return next((name for name, number in LEVELS.items() if number <= now), "bytes")


def set_level(name: str) -> None:
    """Change the level of the log to one of LEVELS."""
    logging.getLogger(_ROOT).setLevel(LEVELS[name])


def set_up_traces(fd: int | None) -> LogHandler | None:
    """Write traces to the file `fd`, which may be slow; without one they go to the log."""
    if fd is None:
        return None
    return _attach("prhelper.logs.trace", logging.INFO, LogHandler(FileSink(fd), own_choice=False))


def _attach(name: str, level: int, handler: LogHandler) -> LogHandler:
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    return handler


def _record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("prhelper", level, "", 0, text, None, None)
