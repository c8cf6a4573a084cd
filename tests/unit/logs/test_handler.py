"""Logging goes on whatever the sink does."""

import errno
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.logs import handler as log_handler
from prhelper.logs import rate_limit
from prhelper.logs.handler import LogHandler
from prhelper.logs.record import LazyMessage, at_most
from prhelper.logs.sinks import FileSink

from ...support.helper import wait_until


class Sink:
    """Remembers; blocks or fails on demand."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: list[dict[str, str]] = []
        self.go = threading.Event()
        self.go.set()
        self.broken: Exception | None = None
        self.failures = 0

    def write(self, record: logging.LogRecord) -> None:
        assert self.go.wait(20)
        if self.broken is not None:
            self.failures += 1
            raise self.broken
        self.lines.append(record.getMessage())
        self.fields.append(getattr(record, "fields", {}))


class Lazy(LazyMessage):
    """Notes the thread that words it; fails on demand."""

    def __init__(self, text: str, fault: Exception | None = None, size_fault: Exception | None = None) -> None:
        self.worded_by: list[str] = []
        self._text = text
        self._fault = fault
        self._size_fault = size_fault

    def size(self) -> int:
        if self._size_fault is not None:
            raise self._size_fault
        return 100

    def words(self) -> tuple[str, dict[str, str]]:
        self.worded_by.append(threading.current_thread().name)
        if self._fault is not None:
            raise self._fault
        return self._text, {"field": self._text}


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


def record(text: str | LazyMessage, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("prhelper", logging.INFO, "", 0, text, None, None)
    made.__dict__.update(extra)
    return made


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


def test_a_kind_is_counted_for_each_account(handler: LogHandler, sink: Sink) -> None:
    for account in ("one", "one", "another"):
        handler.emit(record(account, **at_most(1, "kind", account)))
    handler.stop(10)
    assert sink.lines == ["one", "another", "1 more like this: one"]


def test_windows_end_though_the_log_never_catches_up(
    handler: LogHandler, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "WINDOW", 0.0)
    sink.go.clear()
    for number in range(3):
        handler.emit(record(str(number), **at_most(1, "kind")))
    sink.go.set()
    handler.stop(10)
    assert sink.lines == ["0", "1", "2"]


def test_sums_are_written_though_the_log_never_catches_up(sink: Sink) -> None:
    handler = LogHandler(sink, own_choice=True)
    began = time.monotonic() - 2 * rate_limit.WINDOW
    for _ in range(2):
        handler._repeats.admit("kind", 1, "again", began)
    for number in range(3):
        handler.emit(record(str(number)))
    handler.stop(10)
    assert sink.lines == ["0", "1 more like this: again", "1", "2"]


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


def test_lazy_message_is_worded_with_its_fields_by_the_thread_that_writes(handler: LogHandler, sink: Sink) -> None:
    lazy = Lazy("worded later")
    sink.go.clear()
    handler.emit(record("first"))
    handler.emit(record(lazy))
    assert lazy.worded_by == []
    sink.go.set()
    handler.stop(10)
    assert lazy.worded_by == ["prhelper-log"]
    assert sink.lines == ["first", "worded later"]
    assert sink.fields == [{}, {"field": "worded later"}]


def test_lazy_message_that_is_withheld_is_worded_only_as_an_example(handler: LogHandler, sink: Sink) -> None:
    messages = [Lazy(str(number)) for number in range(5)]
    for message in messages:
        handler.emit(record(message, **at_most(1, "kind")))
    handler.stop(10)
    assert sink.lines == ["0", "4 more like this: 4"]
    assert [len(message.worded_by) for message in messages] == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    "wrong", [Lazy("", fault=LookupError()), Lazy("", fault=BrokenPipeError()), Lazy("", size_fault=LookupError())]
)
def test_faulty_lazy_message_is_lost_alone(sink: Sink, wrong: Lazy) -> None:
    handler = LogHandler(sink, own_choice=True)
    handler.emit(record(wrong))
    handler.emit(record("written"))
    handler.stop(10)
    assert sink.lines == ["written", "1 line lost: the log could not be written, or not fast enough"]


def test_lazy_message_can_be_written_by_any_handler() -> None:
    assert record(Lazy("text")).getMessage() == "text"


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


def test_repeated_lines_are_summed_up_at_the_end(handler: LogHandler, sink: Sink) -> None:
    for _ in range(5):
        handler.emit(record("again", **at_most(1, "kind")))
    handler.stop(10)
    assert sink.lines == ["again", "4 more like this: again"]


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
