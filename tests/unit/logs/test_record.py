"""What a record carries, and that one made without the usual look-ups is like any other."""

import logging
import time
from collections.abc import Iterator

import pytest

from prhelper.logs.record import LazyMessage, Limit, at_most, log_lazily, unlimited


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


def test_extra_says_what_the_log_asks_for() -> None:
    fields = {"field": "value"}
    assert at_most(3, "kind") == {"limit": Limit("kind", 3)}
    assert at_most(3, "kind", "one") == {"limit": Limit("kind", 3), "account": "one"}
    assert at_most(3, "kind", "one", fields) == {"limit": Limit("kind", 3), "account": "one", "fields": fields}
    assert unlimited("one") == {"account": "one"}
    assert unlimited("one", fields) == {"account": "one", "fields": fields}


def test_record_of_a_lazy_message_has_every_attribute_of_a_record(logger: logging.Logger, handler: Handler) -> None:
    logger.warning("text", extra=unlimited("one"))
    log_lazily(logger, logging.WARNING, Lazy(), unlimited("one"))
    usual, lazy = handler.records
    assert vars(lazy).keys() == vars(usual).keys()
    for name in ("name", "levelno", "levelname", "account", "exc_info", "exc_text", "stack_info"):
        assert getattr(lazy, name) == getattr(usual, name)


def test_record_of_a_lazy_message_can_be_formatted_by_any_formatter(logger: logging.Logger, handler: Handler) -> None:
    before = time.time()
    log_lazily(logger, logging.WARNING, Lazy(), unlimited("one"))
    (record,) = handler.records
    assert logging.Formatter("%(name)s %(levelname)s %(message)s").format(record) == "prhelper.test WARNING worded"
    assert before <= record.created <= time.time()
    assert record.msecs == int(record.created % 1 * 1000)


def test_lazy_message_below_the_level_makes_no_record(logger: logging.Logger, handler: Handler) -> None:
    log_lazily(logger, logging.DEBUG, Lazy(), unlimited("one"))
    assert handler.records == []
