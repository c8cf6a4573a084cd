"""A record made without the usual look-ups is like any other, and is made only where it is wanted."""

import logging
import time
from collections.abc import Iterator

import pytest

from prhelper.logs import rate_limit
from prhelper.logs.lazy import log_lazily
from prhelper.logs.record import LazyMessage, Limit, unlimited


class Lazy(LazyMessage):
    def words(self) -> tuple[str, dict[str, str]]:
        return "worded", {"field": "value"}


class Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logger() -> logging.Logger:
    return logging.Logger("prhelper.test", logging.INFO)


@pytest.fixture
def handler(logger: logging.Logger) -> Iterator[Handler]:
    handler = Handler()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_record_of_a_lazy_message_has_every_attribute_of_a_record(logger: logging.Logger, handler: Handler) -> None:
    logger.warning("text", extra=unlimited("one"))
    log_lazily(logger, logging.WARNING, Lazy(), "one")
    usual, lazy = handler.records
    assert vars(lazy).keys() == vars(usual).keys()
    for name in ("name", "levelno", "levelname", "account", "exc_info", "exc_text", "stack_info"):
        assert getattr(lazy, name) == getattr(usual, name)


def test_record_of_a_lazy_message_can_be_formatted_by_any_formatter(logger: logging.Logger, handler: Handler) -> None:
    before = time.time()
    log_lazily(logger, logging.WARNING, Lazy(), "one")
    (record,) = handler.records
    assert logging.Formatter("%(name)s %(levelname)s %(message)s").format(record) == "prhelper.test WARNING worded"
    assert before <= record.created <= time.time()
    assert record.msecs == int(record.created % 1 * 1000)


def test_lazy_message_below_the_level_makes_no_record(logger: logging.Logger, handler: Handler) -> None:
    log_lazily(logger, logging.DEBUG, Lazy(), "one")
    assert handler.records == []


def test_lazy_message_over_its_limit_makes_no_record(
    logger: logging.Logger, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "lines", rate_limit.Repeats())
    for account in ("one", "one", "another"):
        log_lazily(logger, logging.WARNING, Lazy(), account, Limit("kind", 1))
    assert [vars(record)["account"] for record in handler.records] == ["one", "another"]
    assert rate_limit.lines.sum_up(time.monotonic(), everything=True) == ["1 more like this: worded"]
