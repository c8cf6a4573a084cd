"""Logging goes on whatever the sink does."""

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from prhelper.host import logs
from prhelper.host.logs import LogHandler
from prhelper.host.sinks import FileSink

from ..support.helper import wait_until


class Sink:
    """Remembers; blocks or fails on demand."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.broken = False

    def write(self, record: logging.LogRecord) -> None:
        assert self.go.wait(20)
        if self.broken:
            raise BrokenPipeError
        self.lines.append(record.getMessage())


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def handler(sink: Sink) -> Iterator[LogHandler]:
    handler = LogHandler(sink, own_choice=True)
    handler.start()
    yield handler
    sink.go.set()
    handler.stop(10)


def record(text: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("prhelper", logging.INFO, "", 0, text, None, None)
    made.__dict__.update(extra)
    return made


def test_lines_come_out_in_order(handler: LogHandler, sink: Sink) -> None:
    for number in range(100):
        handler.emit(record(str(number)))
    handler.stop(10)
    assert sink.lines == [str(number) for number in range(100)]


def test_stuck_sink_stalls_nobody_and_what_is_lost_is_counted(
    handler: LogHandler, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_MOST_QUEUED", 10)
    sink.go.clear()
    for number in range(1000):
        handler.emit(record(str(number)))
    sink.go.set()
    wait_until(lambda: sink.lines and "lines were lost" in sink.lines[-1], what="the confession")
    assert int(sink.lines[-1].split()[0]) == 1000 - (len(sink.lines) - 1)


def test_broken_sink_loses_lines_and_nothing_else(handler: LogHandler, sink: Sink) -> None:
    sink.broken = True
    handler.emit(record("lost"))
    wait_until(lambda: handler._queue.empty(), what="the line to be tried")
    sink.broken = False
    handler.emit(record("written"))
    handler.stop(10)
    assert sink.lines[-1] == "written"


def test_broken_stderr_is_replaced_where_the_choice_was_ours(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    monkeypatch.setattr(logs, "fallback", lambda: sink)
    reading, broken = os.pipe()
    os.close(reading)
    LogHandler(FileSink(broken), own_choice=True).emit(record("saved"))
    LogHandler(FileSink(broken), own_choice=False).emit(record("lost"))
    os.close(broken)
    assert sink.lines == ["saved"]


def test_repeated_lines_are_summed_up_at_the_end(handler: LogHandler, sink: Sink) -> None:
    for _ in range(5):
        handler.emit(record("again", repeat=("kind", 1)))
    handler.stop(10)
    assert sink.lines == ["again", "4 more like this: again"]


def test_stop_does_not_wait_for_a_stuck_sink(handler: LogHandler, sink: Sink) -> None:
    sink.go.clear()
    handler.emit(record("stuck"))
    handler.stop(0.01)
    sink.go.set()


@pytest.mark.parametrize(("verbosity", "level"), [(-5, logging.ERROR), (0, logging.INFO), (1, logging.DEBUG), (9, 5)])
def test_verbosity_sets_the_level(verbosity: int, level: int) -> None:
    root = logging.getLogger("prhelper")
    before = root.handlers[:], root.level, root.propagate
    try:
        logs.set_up("stderr", False, verbosity)
        assert root.level == level
    finally:
        root.handlers[:], root.level, root.propagate = before
