"""A clock that ticks while it is wanted."""

import os
import select
from collections.abc import Iterator

import pytest

from prhelper.scheduler.ticker import Ticker

INTERVAL = 0.001
AN_HOUR = 3600.0


@pytest.fixture
def ticker() -> Iterator[Ticker]:
    ticker = Ticker(INTERVAL)
    yield ticker
    ticker.close()


def ticks(ticker: Ticker, within: float) -> bool:
    return bool(select.select([ticker._fd], [], [], within)[0])


def test_nothing_ticks_before_it_is_started(ticker: Ticker) -> None:
    assert not ticks(ticker, 20 * INTERVAL)


def test_it_ticks_on_and_on(ticker: Ticker) -> None:
    ticker.start()
    for _ in range(10):
        ticker.wait()


def test_once_stopped_it_ticks_no_more_until_started_again(ticker: Ticker) -> None:
    ticker.start_at_once()
    ticker.wait()
    ticker.stop()
    assert not ticks(ticker, 20 * INTERVAL)
    ticker.start()
    ticker.wait()


def test_a_closed_ticker_touches_no_descriptor() -> None:
    ticker = Ticker(INTERVAL)
    number = ticker._fd
    ticker.close()
    with open(os.devnull, "rb", opener=lambda path, flags: os.open(path, flags)) as other:
        assert other.fileno() == number
        for method in (ticker.start, ticker.start_at_once, ticker.stop, ticker.wait, ticker.close):
            with pytest.raises(OSError, match="Bad file descriptor"):
                method()
        assert os.fstat(number)


def test_the_first_tick_can_come_at_once() -> None:
    ticker = Ticker(AN_HOUR)
    ticker.start_at_once()
    ticker.wait()
    assert not ticks(ticker, 20 * INTERVAL)
    ticker.close()
