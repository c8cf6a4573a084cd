"""Logging goes on whatever the sink does."""

import errno
import logging
import os
import weakref
from pathlib import Path

import pytest

from prhelper.logs import handler as log_handler
from prhelper.logs.handler import LogHandler
from prhelper.logs.sinks import FileSink

from ...support.helper import wait_until
from .sink import Sink, record


def test_lines_come_out_in_order(handler: LogHandler, sink: Sink) -> None:
    for number in range(100):
        handler.emit(record(str(number)))
    handler.stop(10)
    assert sink.lines == [str(number) for number in range(100)]


def test_stuck_sink_blocks_no_thread_and_losses_are_counted(handler: LogHandler, sink: Sink) -> None:
    sink.go.clear()
    for number in range(20_000):
        handler.emit(record(str(number)))
    sink.go.set()
    wait_until(lambda: sink.lines and "lines lost" in sink.lines[-1], what="the report of losses")
    assert int(sink.lines[-1].split()[0]) == 20_000 - (len(sink.lines) - 1)


def test_losses_are_reported_though_the_log_never_catches_up(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_handler, "WINDOW", 0.0)
    handler = LogHandler(sink, own_choice=True)
    for number in range(20_000):
        handler.emit(record(str(number)))
    handler.stop(10)
    assert "lines lost" in sink.lines[1]


def test_flood_of_one_account_loses_no_line_of_another(handler: LogHandler, sink: Sink) -> None:
    sink.go.clear()
    for number in range(20_000):
        handler.emit(record(str(number), account="flood"))
    handler.emit(record("RESERVE", account="another"))
    sink.go.set()
    handler.stop(20)
    assert "RESERVE" in sink.lines


@pytest.mark.parametrize("broken", [BrokenPipeError(), OSError(errno.ENOSPC, "full"), TypeError()])
def test_broken_sink_loses_only_lines_and_counts_them(handler: LogHandler, sink: Sink, broken: Exception) -> None:
    sink.broken = broken
    for number in range(3):
        handler.emit(record(str(number)))
    wait_until(lambda: sink.failures >= 3, what="the lines to be tried")
    sink.broken = None
    handler.emit(record("written"))
    handler.stop(10)
    assert sink.lines == ["written", "3 lines lost: the log could not be written, or not fast enough"]


@pytest.mark.parametrize(
    "faulty",
    [
        logging.LogRecord("prhelper", logging.INFO, "", 0, "%d", ("not a number",), None),
        record("text", limit=3),
        record("text", fields=3),
    ],
    ids=["arguments", "limit", "fields"],
)
def test_faulty_record_is_lost_alone(handler: LogHandler, sink: Sink, faulty: logging.LogRecord) -> None:
    handler.emit(faulty)
    handler.emit(record("written"))
    handler.stop(10)
    assert sink.lines == ["written", "1 line lost: the log could not be written, or not fast enough"]


def test_broken_stderr_is_replaced_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    monkeypatch.setattr(log_handler, "fallback", lambda: sink)
    reading, broken = os.pipe()
    os.close(reading)
    for own_choice, text in ((True, "saved"), (False, "lost")):
        handler = LogHandler(FileSink(broken), own_choice)
        handler.emit(record(text))
        handler.stop(10)
    os.close(broken)
    assert sink.lines == ["saved"]


def test_stderr_that_is_full_for_a_moment_is_not_replaced(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    monkeypatch.setattr(log_handler, "fallback", lambda: sink)
    with Path("/dev/full").open("wb") as full:
        handler = LogHandler(FileSink(full.fileno()), own_choice=True)
        handler.emit(record("lost"))
        handler.stop(10)
    assert not handler.stuck
    assert sink.lines == []


def test_stop_does_not_wait_for_a_stuck_sink(handler: LogHandler, sink: Sink) -> None:
    sink.go.clear()
    handler.emit(record("stuck"))
    handler.stop(0.01)
    assert handler.stuck
    assert sink.lines == []


def test_lines_before_the_start_wait_for_it(sink: Sink) -> None:
    sink.go.clear()
    handler = LogHandler(sink, own_choice=True)
    handler.emit(record("early"))
    assert sink.lines == []
    sink.go.set()
    handler.start()
    wait_until(lambda: sink.lines == ["early"], what="the early line")
    handler.stop(10)


def test_lines_without_a_start_are_written_at_the_stop(sink: Sink) -> None:
    handler = LogHandler(sink, own_choice=True)
    handler.emit(record("early"))
    handler.stop(10)
    assert sink.lines == ["early"]


def test_waiting_record_keeps_no_object_alive(sink: Sink) -> None:
    class Large:
        def __str__(self) -> str:
            return "large"

    large = Large()
    gone = weakref.ref(large)
    handler = LogHandler(sink, own_choice=True)
    handler.emit(logging.LogRecord("prhelper", logging.INFO, "", 0, "%s", (large,), None))
    del large
    assert gone() is None
    handler.stop(10)
    assert sink.lines == ["large"]


@pytest.mark.parametrize(("verbosity", "level"), [(-5, logging.ERROR), (0, logging.INFO), (1, logging.DEBUG), (9, 5)])
def test_verbosity_sets_the_level(verbosity: int, level: int) -> None:
    root = logging.getLogger("prhelper")
    before = root.handlers[:], root.level, root.propagate
    try:
        log_handler.set_up("stderr", False, verbosity)
        assert root.level == level
    finally:
        root.handlers[:], root.level, root.propagate = before
