"""Reader and writer of one channel wait in one place: ending either leaves the other's registration as it is.

Kinds with one descriptor for both directions, and with one for each, go through the same code and behave alike.
"""

import os
from collections.abc import Iterator

import anyio
import pytest

from prhelper.channel import Channel, Direction, OwnedFd
from prhelper.channel.fd_channel import FdChannel

from .conftest import Home
from .contexts import PATIENCE, Context
from .kinds import Pair, clog, drain, unix_pair
from .watching import IN, OUT, registered

FLAGS = {Direction.READ: IN, Direction.WRITE: OUT}
FIRST = pytest.mark.parametrize("first", Direction, ids=lambda direction: f"{direction.value} ends first")


def two_pipes() -> Pair:
    """Two channels that each read from one pipe and write to another."""
    (near_reader, far_writer), (far_reader, near_writer) = ([OwnedFd(fd) for fd in os.pipe()] for _ in range(2))
    return Pair(FdChannel(far_reader, far_writer), FdChannel(near_reader, near_writer))


@pytest.fixture(params=[unix_pair, two_pipes], ids=["one descriptor", "two descriptors"])
def duplex(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two channels that talk both ways, of which `writer` would have to wait for both."""
    made: Pair = request.param()
    clog(made.writer)
    yield made
    made.close()


def watched(channel: Channel) -> int:
    """Which of IN and OUT are registered anywhere for the direction that each stands for."""
    events = 0
    for direction, flag in FLAGS.items():
        awaited = channel._wait_on(direction)
        assert awaited is not None
        events |= registered(awaited[0]) & flag
    return events


def let_go(pair: Pair, direction: Direction) -> None:
    """Make `pair.writer` ready for a direction."""
    if direction is Direction.READ:
        pair.reader.writev([b"x"])
    else:
        drain(pair.reader)


def opposite(direction: Direction) -> Direction:
    return Direction.WRITE if direction is Direction.READ else Direction.READ


@FIRST
def test_ending_one_direction_leaves_the_other_registered_on_the_same_loop(
    duplex: Pair, loop: Context, first: Direction
) -> None:
    channel = duplex.writer

    async def body() -> None:
        over = {direction: anyio.Event() for direction in Direction}

        async def wait(direction: Direction) -> None:
            await channel.wait(direction)
            over[direction].set()

        async with anyio.create_task_group() as tasks:
            for direction in Direction:
                tasks.start_soon(wait, direction)
            await anyio.wait_all_tasks_blocked()
            assert watched(channel) == IN | OUT
            let_go(duplex, first)
            with anyio.fail_after(PATIENCE):
                await over[first].wait()
            assert watched(channel) == FLAGS[opposite(first)]
            assert not over[opposite(first)].is_set()
            let_go(duplex, opposite(first))
        assert watched(channel) == 0

    loop.run(body)


@FIRST
def test_cancelling_one_direction_leaves_the_other_waiting_on_the_same_loop(
    duplex: Pair, loop: Context, first: Direction
) -> None:
    channel = duplex.writer

    async def body() -> None:
        async with anyio.create_task_group() as staying:
            staying.start_soon(channel.wait, opposite(first))
            async with anyio.create_task_group() as cancelled:
                cancelled.start_soon(channel.wait, first)
                await anyio.wait_all_tasks_blocked()
                cancelled.cancel_scope.cancel()
            assert watched(channel) == FLAGS[opposite(first)]
            let_go(duplex, opposite(first))
        assert watched(channel) == 0

    loop.run(body)


@pytest.mark.slow
@FIRST
def test_ending_one_direction_leaves_the_other_registered_at_the_same_home(
    duplex: Pair, home: Home, context: Context, other: Context, first: Direction
) -> None:
    loop, portal = home
    channel, second = duplex.writer, opposite(first)
    channel.home = loop
    ending = context.start(lambda: channel.wait(first))
    staying = other.start(lambda: channel.wait(second))
    while watched(channel) != IN | OUT:
        portal.call(anyio.lowlevel.checkpoint)
    let_go(duplex, first)
    ending.result()
    assert watched(channel) == FLAGS[second]
    let_go(duplex, second)
    staying.result()
    assert watched(channel) == 0


@pytest.mark.slow
def test_waking_the_reader_leaves_the_writer_registered_at_the_same_home(
    duplex: Pair, home: Home, context: Context, other: Context
) -> None:
    loop, portal = home
    channel = duplex.writer
    channel.home = loop
    reading = context.start(lambda: channel.wait(Direction.READ))
    writing = other.start(lambda: channel.wait(Direction.WRITE))
    while watched(channel) != IN | OUT:
        portal.call(anyio.lowlevel.checkpoint)
    channel.wake_read()
    reading.result()
    portal.call(anyio.wait_all_tasks_blocked)
    assert watched(channel) == OUT
    let_go(duplex, Direction.WRITE)
    writing.result()
    assert watched(channel) == 0


@FIRST
def test_each_direction_follows_a_coroutine_of_its_own(
    duplex: Pair, context: Context, other: Context, first: Direction
) -> None:
    channel = duplex.writer
    waiting = {
        Direction.READ: context.start(lambda: channel.wait(Direction.READ)),
        Direction.WRITE: other.start(lambda: channel.wait(Direction.WRITE)),
    }
    for direction in (first, opposite(first)):
        let_go(duplex, direction)
        waiting[direction].result()
    assert watched(channel) == 0
