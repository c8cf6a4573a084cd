"""Records waiting to be written: the memory they may take, and whose are lost when it is full."""

import logging
import threading
import tracemalloc

import pytest

from prhelper.logs import backlog as backlog_module
from prhelper.logs.backlog import MAX_BYTES, Backlog
from prhelper.logs.record import LazyMessage


class Lazy(LazyMessage):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def size(self) -> int:
        return len(self._content)

    def words(self) -> tuple[str, dict[str, str]]:
        return self._content.hex(), {}


def lazy_record(content: bytes) -> logging.LogRecord:
    return logging.LogRecord("prhelper", logging.INFO, "", 0, Lazy(content), None, None)


@pytest.fixture
def gathering_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "GATHERING", 3600)


def record(text: str, **fields: str) -> logging.LogRecord:
    made = logging.LogRecord("prhelper", logging.INFO, "", 0, text, None, None)
    if fields:
        made.fields = fields
    return made


def taken(backlog: Backlog) -> list[str]:
    texts = []
    while (one := backlog.get(0)) is not None:
        texts.append(one.getMessage())
    return texts


def test_records_of_all_accounts_come_out_in_the_order_they_went_in() -> None:
    backlog = Backlog()
    for number in range(9):
        backlog.put(record(str(number)), f"account {number % 3}")
    assert taken(backlog) == list("012345678")
    assert backlog.take_lost() == 0


@pytest.mark.slow
def test_memory_is_bounded_whatever_the_size_of_a_line() -> None:
    for size in (1, 1000, 24_000):
        tracemalloc.start()
        backlog = Backlog()
        for number in range(4 * MAX_BYTES // (size + 1000)):
            backlog.put(record(f"{number} " * (size // 8 + 1), a=f"field {number}"), "one")
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert MAX_BYTES / 4 < used < MAX_BYTES * 1.1
        assert len(taken(backlog)) + backlog.take_lost() == number + 1


@pytest.mark.slow
def test_memory_is_bounded_though_messages_are_worded_later() -> None:
    for size in (1, 1000, 24_000):
        tracemalloc.start()
        backlog = Backlog()
        count = 4 * MAX_BYTES // (size + 1000)
        for _ in range(count):
            backlog.put(lazy_record(bytes(size)), "one")
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert MAX_BYTES / 4 < used < MAX_BYTES * 1.1
        assert len(taken(backlog)) + backlog.take_lost() == count


def test_a_flood_costs_no_other_account_its_line() -> None:
    backlog = Backlog(100_000)
    for number in range(1000):
        backlog.put(record(f"flood {number}"), "flood")
    for account in ("one", "another"):
        backlog.put(record(account), account)
    for number in range(1000):
        backlog.put(record(f"flood {number}"), "flood")
    assert taken(backlog)[-2:] == ["one", "another"]


def test_accounts_that_flood_get_equal_shares() -> None:
    backlog = Backlog(100_000)
    for text in ("a", "b", "c"):
        for _ in range(1000):
            backlog.put(record(text), text)
    texts = taken(backlog)
    counts = [texts.count(text) for text in ("a", "b", "c")]
    assert min(counts) >= max(counts) - 1 > 10
    assert backlog.take_lost() == 3000 - len(texts)


def test_a_record_larger_than_the_backlog_is_lost_alone() -> None:
    backlog = Backlog(100_000)
    backlog.put(record("small"), "one")
    backlog.put(record("x" * 100_000), "another")
    assert taken(backlog) == ["small"]
    assert backlog.take_lost() == 1


@pytest.mark.usefixtures("gathering_for_ever")
def test_reader_that_waits_is_given_a_record_only_when_others_have_had_time_to_gather() -> None:
    backlog, got = Backlog(), []
    reader = threading.Thread(target=lambda: got.extend([backlog.get(None), backlog.get(None)]))
    reader.start()
    for text in ("first", "second"):
        backlog.put(record(text), "one")
    reader.join(0.05)
    assert not got
    backlog.close()
    reader.join()
    assert [one and one.getMessage() for one in got] == ["first", "second"]


@pytest.mark.usefixtures("gathering_for_ever")
def test_reader_that_is_busy_is_given_what_waits_at_once() -> None:
    backlog = Backlog()
    backlog.put(record("waits"), "one")
    assert backlog.get(None) is not None


def test_it_is_over_once_closed_and_empty() -> None:
    backlog = Backlog()
    backlog.put(record("last"), "one")
    backlog.close()
    assert not backlog.over
    assert backlog.get(None) is not None
    assert backlog.over
    assert backlog.get(None) is None
