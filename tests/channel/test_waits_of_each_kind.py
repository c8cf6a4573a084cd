"""What waiting promises, for every kind: deadlines, one waiter, waking, quiescing, cancelling, a home loop."""

import time
from collections.abc import Iterator

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from prhelper.channel import BusyResourceError, Direction, HomeLoop

from .contexts import LOOPS, Context
from .kinds import Pair
from .watching import Waits, number_of, registered

MUCH = 200_000
"""More bytes than any of the channels holds."""


@pytest.fixture(params=LOOPS, ids=lambda loop: f"home {loop}")
def home(request: pytest.FixtureRequest) -> Iterator[HomeLoop]:
    with start_blocking_portal(request.param.name) as portal, portal.wrap_async_context_manager(HomeLoop()) as entered:
        yield entered


def test_a_deadline_ends_a_wait_and_the_next_one_is_as_good_as_ever(each_pair: Pair, context: Context) -> None:
    with pytest.raises(TimeoutError):
        context.run(lambda: each_pair.reader.read(1, deadline=time.monotonic() + 0.01))
    each_pair.writer.writev([b"x"])
    assert context.run(lambda: each_pair.reader.read(1)) == b"x"
    with pytest.raises(TimeoutError):
        context.run(lambda: each_pair.writer.write_all([bytes(MUCH)], deadline=time.monotonic() + 0.05))
    assert not each_pair.writer.closed


def test_a_second_reader_is_refused_and_the_first_not_disturbed(
    each_pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    reading = context.start(lambda: each_pair.reader.read_exactly(5))
    waits.next()
    with pytest.raises(BusyResourceError):
        other.run(lambda: each_pair.reader.wait(Direction.READ))
    each_pair.writer.writev([b"first"])
    assert reading.result() == b"first"


def test_a_wake_ends_the_wait_and_loses_nothing(each_pair: Pair, context: Context, waits: Waits) -> None:
    waiting = context.start(lambda: each_pair.reader.wait(Direction.READ))
    waits.next()
    each_pair.reader.wake_reader()
    waiting.result()
    each_pair.writer.writev([b"later"])
    assert context.run(lambda: each_pair.reader.read_exactly(5)) == b"later"


def test_a_conversation_is_quiesced_and_goes_on_elsewhere(
    each_pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    waiting = context.start(each_pair.reader.next_message)
    fd = waits.next().fd
    each_pair.reader.quiesce()
    assert waiting.result() is False
    assert registered(fd) == 0
    each_pair.reader.resume()
    each_pair.writer.writev([b"message"])
    assert other.run(each_pair.reader.next_message) is True
    assert other.run(lambda: each_pair.reader.read_exactly(7)) == b"message"


def test_a_cancelled_reader_leaves_nothing_registered_and_loses_no_byte(each_pair: Pair, loop: Context) -> None:
    async def body() -> bytes:
        fd = number_of(each_pair.reader)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(each_pair.reader.read, 100)
            await anyio.wait_all_tasks_blocked()
            assert registered(fd)
            tasks.cancel_scope.cancel()
            each_pair.writer.writev([b"whole"])
        assert registered(fd) == 0
        return await each_pair.reader.read_exactly(5)

    assert loop.run(body) == b"whole"


def test_both_ends_may_wait_in_a_home_loop_wherever_their_coroutines_are(
    each_pair: Pair, home: HomeLoop, context: Context, other: Context
) -> None:
    for channel in each_pair.reader, each_pair.writer:
        channel.set_follow(False, home)
    writing = other.start(lambda: each_pair.writer.write_all([b"x" * MUCH]))
    assert context.run(lambda: each_pair.reader.read_exactly(MUCH)) == b"x" * MUCH
    writing.result()
