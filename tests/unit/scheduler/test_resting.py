"""The sessions at rest: how long a wait busy-polls, and who owns a session while its registration is being armed."""

import select
import socket
import threading
import time

import pytest

from prhelper.channel import BareCoroutine, Direction, SkippableWaiter, Waiter
from prhelper.scheduler.resting import RestingSet, Strand

from .sleepers import at_rest, ignore, session

LONG = 0.3
MOST_CPU = 0.1


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
    monkeypatch.setattr("prhelper.scheduler.resting.BUSY_POLL", 20.0)
    monkeypatch.setattr(resting, "_seconds_to_deadline", pytest.fail)  # asked before sleeping
    coroutine: BareCoroutine[None] = session()
    strand = Strand(coroutine, ignore)
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


class HeldEpoll:
    """An epoll set whose next `modify` is held up, before or after it reaches the kernel."""

    def __init__(self, epoll: select.epoll, after: bool) -> None:
        self._epoll = epoll
        self._after = after
        self.held = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._epoll, name)

    def modify(self, fd: int, events: int) -> None:
        if self._after:
            self._epoll.modify(fd, events)
        self.held.set()
        assert self.go_on.wait(20.0)
        if not self._after:
            self._epoll.modify(fd, events)


@pytest.mark.parametrize("after", [False, True], ids=["before it is armed", "once it is armed"])
@pytest.mark.parametrize("cause", ["event", "hang-up", "deadline"])
def test_a_session_belongs_to_the_thread_that_arms_its_registration_until_that_is_over(
    resting: RestingSet, monkeypatch: pytest.MonkeyPatch, cause: str, after: bool
) -> None:
    strand = Strand(session(), ignore)
    near, far = socket.socketpair()
    with near, far:
        deadline = time.monotonic() if cause == "deadline" else None
        far.send(b"x")
        assert resting.rest(strand, SkippableWaiter(near.fileno())) is None
        assert resting.wait() == [strand]
        assert near.recv(1) == b"x"
        epoll = HeldEpoll(resting._epoll, after)
        monkeypatch.setattr(resting, "_epoll", epoll)
        found: list[Strand | None] = []

        def rest() -> None:
            found.append(resting.rest(strand, Waiter(near.fileno(), Direction.READ, deadline)))

        owner = threading.Thread(target=rest)
        owner.start()
        assert epoll.held.wait(20.0)
        if cause == "event":
            far.send(b"x")
        elif cause == "hang-up":
            far.close()
        for _ in range(3):  # other leaders look
            resting.kick()
            assert resting.wait() == []
        epoll.go_on.set()
        owner.join()
        if found == [None]:
            found = [*resting.wait()]
        assert found == [strand]
        assert resting._resting == {}
        resting.forget(strand)
    strand.coroutine.close()


def test_only_a_session_that_is_still_in_this_wait_is_taken_out(resting: RestingSet) -> None:
    near, far = socket.socketpair()
    with near, far:
        strand, waiter = at_rest(resting, near.fileno())
        other, _ = at_rest(resting, far.fileno())
        assert resting.take(other, waiter) is None
        assert resting.take(strand, Waiter(near.fileno(), Direction.READ, None)) is None
        assert resting.take(strand, waiter) is strand
        assert resting.take(strand, waiter) is None
        resting.forget(strand)
        resting.forget(other)


def test_after_a_long_wait_it_does_not_busy_poll(resting: RestingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []

    def look(until: float) -> list[tuple[int, int]]:
        looked.append(until)
        return []

    monkeypatch.setattr(resting, "_poll_busily", look)
    resting.kick()
    resting.wait()  # short: the next one looks
    later = threading.Timer(0.05, resting.kick)
    later.start()
    resting.wait()
    assert len(looked) == 1
    resting.kick()
    resting.wait()
    assert len(looked) == 1
    later.join()


def test_the_descriptor_of_a_session_that_is_forgotten_can_be_watched_anew(resting: RestingSet) -> None:
    near, far = socket.socketpair()
    with near, far:
        strand, waiter = at_rest(resting, near.fileno())
        assert resting.take(strand, waiter) is strand
        resting.forget(strand)
        resting.forget(strand)
        other, waiter = at_rest(resting, near.fileno())
        assert resting.take(other, waiter) is other
        resting.forget(other)


def test_a_descriptor_may_be_closed_once_the_wait_for_it_is_over(resting: RestingSet) -> None:
    near, far = socket.socketpair()
    with far:
        strand, waiter = at_rest(resting, number := near.fileno())
        assert resting.take(strand, waiter) is strand
        near.close()
    near, far = socket.socketpair()
    with near, far:
        assert number in (near.fileno(), far.fileno())
        other, waiter = at_rest(resting, number)  # another session's, under the same number
        resting.forget(strand)
        far.send(b"x")
        near.send(b"x")
        assert resting.wait() == [other]


def test_a_wait_elsewhere_leaves_nothing_behind_and_the_next_message_is_waited_for_as_before(
    resting: RestingSet,
) -> None:
    near, far = socket.socketpair()
    elsewhere, _ = pair = socket.socketpair()
    with near, far, pair[0], pair[1]:
        strand, waiter = Strand(session(), ignore), SkippableWaiter(near.fileno())
        strand.coroutine.close()
        for _ in range(2):
            assert resting.rest(strand, waiter) is None
            assert resting.take(strand, waiter) is strand
            assert strand.in_set == near.fileno()
            with pytest.raises(FileExistsError):
                resting._epoll.register(near.fileno(), 0)
            briefly = Waiter(elsewhere.fileno(), Direction.READ, None)
            assert resting.rest(strand, briefly) is None
            assert resting.take(strand, briefly) is strand
            assert strand.in_set is None
            for fd in (near.fileno(), elsewhere.fileno()):
                with pytest.raises(FileNotFoundError):
                    resting._epoll.unregister(fd)


def test_a_late_wake_does_not_take_out_another_session_under_the_same_number(resting: RestingSet) -> None:
    near, far = socket.socketpair()
    with near, far:
        gone, waiter = at_rest(resting, near.fileno())
        assert resting.take(gone, waiter) is gone
        resting.forget(gone)
        other, others = at_rest(resting, near.fileno())
        assert resting.take(gone, waiter) is None
        assert resting.take(other, others) is other
        resting.forget(other)
