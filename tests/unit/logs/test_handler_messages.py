"""Messages that the log's thread words, and those that are alike, of which it writes a few and a sum."""

import threading
import time

import pytest

from prhelper.logs import rate_limit
from prhelper.logs.handler import LogHandler
from prhelper.logs.record import LazyMessage, at_most

from .sink import Sink, record


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


def test_repeated_lines_are_summed_up_at_the_end(handler: LogHandler, sink: Sink) -> None:
    for _ in range(5):
        handler.emit(record("again", **at_most(1, "kind")))
    handler.stop(10)
    assert sink.lines == ["again", "4 more like this: again"]
