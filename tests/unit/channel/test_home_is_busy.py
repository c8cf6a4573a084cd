"""A home loop that is held up by something else holds up nobody whose channel waits there."""

import threading
import time
from collections.abc import Iterator

import anyio
import pytest

from prhelper.channel import ClosedResourceError, Direction

from .conftest import Home
from .contexts import PATIENCE, Context
from .kinds import Pair
from .watching import Waits, is_open, number_of, registered


@pytest.fixture
def pair_at_home(pair: Pair, home: Home) -> Pair:
    pair.reader.home = home[0]
    return pair


@pytest.fixture
def busy(home: Home) -> Iterator[threading.Event]:
    """While this is not set, the home loop does not turn."""
    begun, release = threading.Event(), threading.Event()

    def hold_up() -> None:
        begun.set()
        assert release.wait(PATIENCE)

    held = home[1].start_task_soon(hold_up)
    assert begun.wait(PATIENCE)
    yield release
    release.set()
    held.result(PATIENCE)


def check_that_it_goes_on(pair: Pair, home: Home, context: Context, busy: threading.Event) -> None:
    """Once the home loop turns again nothing is left over, and the next wait works."""
    busy.set()
    home[1].call(anyio.wait_all_tasks_blocked)
    assert registered(number_of(pair.reader)) == 0
    reading = context.start(lambda: pair.reader.read(1))
    pair.writer.writev([b"x"])
    assert reading.result() == b"x"


def test_a_deadline_is_kept(pair_at_home: Pair, home: Home, context: Context, busy: threading.Event) -> None:
    with pytest.raises(TimeoutError):
        context.run(lambda: pair_at_home.reader.read(1, deadline=time.monotonic() + 0.02))
    check_that_it_goes_on(pair_at_home, home, context, busy)


@pytest.mark.parametrize("deed", ["wake_read", "quiesce"])
def test_a_wake_arrives(
    pair_at_home: Pair, home: Home, context: Context, busy: threading.Event, waits: Waits, deed: str
) -> None:
    waiting = context.start(lambda: pair_at_home.reader.wait(Direction.READ))
    waits.next()
    getattr(pair_at_home.reader, deed)()
    waiting.result()
    check_that_it_goes_on(pair_at_home, home, context, busy)


def test_cancelling_ends_the_wait(pair_at_home: Pair, home: Home, loop: Context, busy: threading.Event) -> None:
    async def body() -> None:
        with anyio.move_on_after(0.02) as scope:
            await pair_at_home.reader.wait(Direction.READ)
        assert scope.cancelled_caught

    loop.run(body)
    check_that_it_goes_on(pair_at_home, home, loop, busy)


def test_closing_ends_the_wait_and_the_descriptor_goes_when_the_home_loop_turns_again(
    pair_at_home: Pair, home: Home, context: Context, busy: threading.Event, waits: Waits
) -> None:
    fd = number_of(pair_at_home.reader)
    waiting = context.start(lambda: pair_at_home.reader.read(1))
    waits.next()
    pair_at_home.reader.close()
    assert isinstance(waiting.fault(), ClosedResourceError)
    assert is_open(fd)
    busy.set()
    home[1].call(anyio.wait_all_tasks_blocked)
    assert not is_open(fd)
