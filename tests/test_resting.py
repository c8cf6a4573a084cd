"""Whoever waits on the sessions at rest looks for a moment before sleeping, where something is likely to come."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from prhelper.channel import BareCoroutine, Direction, Waiter
from prhelper.resting import RestingSet, Strand

LONG = 0.3
MOST_CPU = 0.1


@pytest.fixture
def resting() -> Iterator[RestingSet]:
    resting = RestingSet()
    yield resting
    resting.close()


async def session() -> None:
    """Never stepped here."""


def test_a_set_that_was_busy_and_is_no_more_sleeps(resting: RestingSet) -> None:
    resting.kick()
    assert resting.wait() == []  # at once: from now on it looks
    later = threading.Timer(LONG, resting.kick)
    later.start()
    before = time.thread_time()
    assert resting.wait() == []
    assert time.thread_time() - before < MOST_CPU
    later.join()


def test_what_comes_while_the_set_looks_is_taken_out_once_and_without_sleeping(
    resting: RestingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prhelper.resting.SOON", 20.0)
    monkeypatch.setattr(resting, "_seconds_to_deadline", pytest.fail)  # asked before sleeping
    coroutine: BareCoroutine[None] = session()
    strand = Strand(coroutine)
    near, far = socket.socketpair()
    with near, far:
        resting.kick()
        resting.wait()
        resting.rest(strand, Waiter(near.fileno(), Direction.READ, time.monotonic() + 20.0))
        assert resting.wait() == []  # a deadline kicks
        later = threading.Timer(0.1, far.send, [b"x"])
        later.start()
        assert resting.wait() == [strand]
        resting.kick()
        assert resting.wait() == []
        later.join()
        resting.forget(strand)
    coroutine.close()
