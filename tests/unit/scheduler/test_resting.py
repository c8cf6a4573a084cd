"""The sessions at rest: how long a wait busy-polls, and who owns a session while its registration is being armed."""

import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from prhelper.channel import BareCoroutine, Direction, Waiter
from prhelper.scheduler.resting import RestingSet, Strand

LONG = 0.3
MOST_CPU = 0.1


@pytest.fixture
def resting() -> Iterator[RestingSet]:
    resting = RestingSet()
    yield resting
    resting.close()


def ignore(_: object) -> None:
    """For sessions that never end."""


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
        assert resting.rest(strand, Waiter(near.fileno(), Direction.READ, time.monotonic())) is None
        assert resting.wait() == [strand]
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
