"""The moments between two steps of a wait, hit exactly: each party of a race is stepped by hand."""

import threading
from collections.abc import Callable

import pytest

from prhelper.channel import BusyResourceError, ClosedResourceError, Direction, EventFd, Waiter
from prhelper.channel.lifetime import Lifetime

from .contexts import Context, Running, Stepper
from .kinds import Pair, unix_pair
from .watching import is_open, number_of


@pytest.fixture
def disposed() -> list[str]:
    return []


@pytest.fixture
def lifetime(disposed: list[str]) -> Lifetime:
    return Lifetime(lambda: disposed.append("disposed"))


def waiter(direction: Direction = Direction.READ) -> Waiter:
    return Waiter(0, direction, None)


def test_closing_between_the_hold_and_the_wait_wakes_the_wait(lifetime: Lifetime, disposed: list[str]) -> None:
    late = waiter()
    lifetime.hold()
    lifetime.close()
    lifetime.begin_wait(Direction.READ, late)
    assert late.woken
    lifetime.end_wait(Direction.READ)
    assert not disposed
    lifetime.release()
    assert disposed == ["disposed"]


def test_the_descriptor_goes_with_the_last_hold_and_only_then(lifetime: Lifetime, disposed: list[str]) -> None:
    lifetime.hold()
    lifetime.hold()
    lifetime.close()
    lifetime.release()
    assert not disposed
    with pytest.raises(ClosedResourceError):
        lifetime.hold()
    lifetime.release()
    lifetime.close()
    assert disposed == ["disposed"]


def test_holds_that_have_ended_do_not_close(lifetime: Lifetime, disposed: list[str]) -> None:
    lifetime.hold()
    lifetime.release()
    assert not disposed
    lifetime.close()
    assert disposed == ["disposed"]


def test_a_refused_wait_leaves_the_first_one_known(lifetime: Lifetime) -> None:
    first, second = waiter(), waiter()
    lifetime.begin_wait(Direction.READ, first)
    with pytest.raises(BusyResourceError):
        lifetime.begin_wait(Direction.READ, second)
    lifetime.wake(Direction.READ)
    assert (first.woken, second.woken) == (True, False)


def test_a_wake_before_the_context_is_armed_is_delivered_when_it_is() -> None:
    wakes: list[str] = []
    early = waiter()
    early.wake()
    early.arm(lambda: wakes.append("woken"))
    early.wake()
    assert wakes == ["woken"]


def test_a_wake_is_delivered_once_and_not_after_the_wait() -> None:
    wakes: list[str] = []
    armed = waiter()
    armed.arm(lambda: wakes.append("woken"))
    armed.wake()
    armed.wake()
    assert wakes == ["woken"]
    over = waiter()
    over.arm(lambda: wakes.append("too late"))
    over.disarm()
    over.wake()
    assert wakes == ["woken"]


def test_a_flag_that_was_closed_may_still_be_set() -> None:
    with EventFd() as flag:
        flag.set()
        flag.clear()
        flag.clear()
    flag.set()
    flag.close()


@pytest.mark.parametrize("deed", ["quiesce", "wake_read", "close"])
def test_a_wake_between_the_yield_and_the_arming_reaches_the_stepper(pair: Pair, deed: str) -> None:
    stepper = Stepper(pair.reader.next_message())
    request = stepper.step()
    assert isinstance(request, Waiter)
    getattr(pair.reader, deed)()
    wakes: list[str] = []
    request.arm(lambda: wakes.append(deed))
    assert wakes == [deed]
    if deed == "close":
        with pytest.raises(ClosedResourceError):
            stepper.step()
    elif deed == "quiesce":
        assert stepper.step() is None
        assert stepper.result is False
    else:
        assert isinstance(stepper.step(), Waiter)
        pair.writer.close()
        assert stepper.finish() is True


RIVALS: dict[str, Callable[[Pair], object]] = {
    "data": lambda pair: pair.writer.writev([b"x"]),
    "quiesce": lambda pair: pair.reader.quiesce(),
}

ROUNDS = 30


@pytest.mark.parametrize("deed", RIVALS)
def test_a_wait_that_begins_at_the_same_moment_is_never_left_waiting(pair: Pair, context: Context, deed: str) -> None:
    """Barriers, not sleeps: both sides are let go at once, many times over."""
    barrier = threading.Barrier(2, timeout=20)

    def rival() -> None:
        for _ in range(ROUNDS):
            barrier.wait()
            RIVALS[deed](pair)
            barrier.wait()

    async def read_on() -> None:
        for _ in range(ROUNDS):
            barrier.wait()
            if deed == "quiesce":
                assert not await pair.reader.next_message()
                pair.reader.resume()
            else:
                assert await pair.reader.read(1) == b"x"
            barrier.wait()

    rivals = Running(rival)
    context.run(read_on)
    rivals.result()


def test_a_wait_that_begins_as_the_channel_closes_is_told_so(context: Context) -> None:
    barrier = threading.Barrier(2, timeout=20)
    pairs = [unix_pair() for _ in range(ROUNDS)]
    numbers = [number_of(pair.reader) for pair in pairs]

    def rival() -> None:
        for pair in pairs:
            barrier.wait()
            pair.reader.close()

    async def wait_on() -> int:
        told = 0
        for pair in pairs:
            barrier.wait()
            with pytest.raises(ClosedResourceError):
                await pair.reader.wait(Direction.READ)
            told += 1
        return told

    rivals = Running(rival)
    assert context.run(wait_on) == ROUNDS
    rivals.result()
    assert not any(map(is_open, numbers))
    for pair in pairs:
        pair.close()
