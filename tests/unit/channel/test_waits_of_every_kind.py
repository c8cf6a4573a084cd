"""Deadlines, wakes, quiesce, cancelling and a home loop, on every kind of channel, whatever it waits for."""

import time

import anyio
import pytest

from prhelper.channel import BusyResourceError, Direction, Waiter, run

from .conftest import Home
from .contexts import Context, Stepper
from .kinds import Pair, clog
from .watching import Waits, number_of, registered

MESSAGE = b"message"
MUCH = 300_000
"""More bytes than any of the channels holds."""


@pytest.fixture
def pair(each_pair: Pair) -> Pair:
    return each_pair


def test_a_deadline_ends_a_read_and_the_next_one_works(pair: Pair, context: Context) -> None:
    with pytest.raises(TimeoutError):
        context.run(lambda: pair.reader.read_exactly(7, deadline=time.monotonic() + 0.01))
    reading = context.start(lambda: pair.reader.read_exactly(7))
    context.run(lambda: pair.writer.write_all([MESSAGE]))
    assert reading.result() == MESSAGE


def test_a_deadline_ends_a_write(pair: Pair, context: Context) -> None:
    clog(pair.writer)
    with pytest.raises(TimeoutError):
        context.run(lambda: pair.writer.write_all([bytes(MUCH)], deadline=time.monotonic() + 0.01))


def test_a_wake_ends_a_wait_once(pair: Pair, context: Context, waits: Waits) -> None:
    waiting = context.start(lambda: pair.reader.wait(Direction.READ))
    waits.next()
    pair.reader.wake_read()
    waiting.result()
    with pytest.raises(TimeoutError):
        context.run(lambda: pair.reader.wait(Direction.READ, time.monotonic() + 0.01))


def test_a_wait_that_returns_for_nothing_is_no_message(pair: Pair) -> None:
    stepper = Stepper(pair.reader.next_message())
    for _ in range(3):
        assert isinstance(stepper.step(), Waiter)
    run(pair.writer.write_all([MESSAGE]))
    assert stepper.finish() is True


def test_a_second_reader_is_refused_and_the_first_not_disturbed(
    pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    first = context.start(lambda: pair.reader.read_exactly(7))
    waits.next()
    with pytest.raises(BusyResourceError):
        other.run(lambda: pair.reader.read(1))
    context.run(lambda: pair.writer.write_all([MESSAGE]))
    assert first.result() == MESSAGE


def test_a_quiesced_reader_goes_on_elsewhere_without_losing_a_byte(
    pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    waiting = context.start(pair.reader.next_message)
    fd = waits.next().fd
    pair.reader.quiesce()
    assert waiting.result() is False
    assert registered(fd) == 0
    context.run(lambda: pair.writer.write_all([MESSAGE]))
    pair.reader.resume()
    assert other.run(pair.reader.next_message) is True
    assert other.run(lambda: pair.reader.read_exactly(7)) == MESSAGE


def test_a_cancelled_reader_leaves_nothing_registered_and_loses_no_byte(pair: Pair, loop: Context) -> None:
    async def body() -> bytes:
        fd = number_of(pair.reader)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pair.reader.read, 100)
            await anyio.wait_all_tasks_blocked()
            assert registered(fd)
            tasks.cancel_scope.cancel()
            pair.writer.writev([MESSAGE])
        assert registered(fd) == 0
        return await pair.reader.read_exactly(7)

    assert loop.run(body) == MESSAGE


@pytest.mark.slow
def test_both_ends_may_wait_at_one_home(pair: Pair, home: Home, context: Context, other: Context) -> None:
    for channel in pair.reader, pair.writer:
        channel.home = home[0]
    data = bytes(range(250)) * (MUCH // 250)
    writing = other.start(lambda: pair.writer.write_all([data]))
    assert context.run(lambda: pair.reader.read_exactly(len(data))) == data
    writing.result()
