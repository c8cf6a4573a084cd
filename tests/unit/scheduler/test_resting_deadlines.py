"""Sessions that rest until a deadline."""

import socket
import time

import pytest

from prhelper.channel import Direction, Waiter
from prhelper.scheduler.resting import RestingSet

from .sleepers import at_rest


def test_a_later_deadline_than_the_one_that_is_waited_for_wakes_nobody(
    resting: RestingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    kicks: list[None] = []
    monkeypatch.setattr(resting, "kick", lambda: kicks.append(None))
    resting._awake_at = time.monotonic() + 5
    near, far = socket.socketpair()
    with near, far:
        late, _ = at_rest(resting, near.fileno(), time.monotonic() + 60)
        assert not kicks
        soon, _ = at_rest(resting, far.fileno(), time.monotonic() + 1)
        assert len(kicks) == 1
        resting.forget(late)
        resting.forget(soon)


@pytest.mark.parametrize(("rests_anew", "is_late"), [(False, True), (True, False)])
def test_a_deadline_that_is_over_is_raised_unless_the_session_rests_anew_with_a_later_one(
    resting: RestingSet, rests_anew: bool, is_late: bool
) -> None:
    near, far = socket.socketpair()
    with near, far:
        strand, _ = at_rest(resting, near.fileno(), time.monotonic() - 1)
        waiting, waiter = at_rest(resting, far.fileno(), time.monotonic() + 60)
        if rests_anew:  # just now
            strand.waiter = Waiter(near.fileno(), Direction.READ, time.monotonic() + 60)
        assert resting.wait() == [strand]
        assert (strand.reply is not None and isinstance(strand.reply.error, TimeoutError)) is is_late
        assert waiting.reply is None
        assert resting.take(waiting, waiter) is waiting
        resting.forget(strand)
        resting.forget(waiting)


def test_a_deadline_goes_with_its_session_and_not_before_that_rests(resting: RestingSet) -> None:
    near, far = socket.socketpair()
    with near, far:
        strand, waiter = at_rest(resting, near.fileno(), time.monotonic() + 60)
        assert resting.take(strand, waiter) is strand
        assert not resting._deadlines
        resting.forget(strand)
        resting._deadlines[far.fileno()] = time.monotonic() - 1  # of one that is about to rest
        assert resting.wait() == []
        assert far.fileno() in resting._deadlines


def test_the_last_deadline_may_go_while_it_is_looked_for(resting: RestingSet) -> None:
    class JustEmptied(dict[int, float]):
        def __bool__(self) -> bool:
            return True

    resting._deadlines = JustEmptied()
    resting.kick()
    assert resting.wait() == []
