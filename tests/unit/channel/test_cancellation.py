"""Waiting as a task of asyncio or trio: cancelled as their users expect it, and what is registered meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from prhelper.channel import Channel, ClosedResourceError, Direction

from .contexts import Context
from .kinds import Pair, clog, drain
from .watching import IN, OUT, number_of, registered

Deed = Callable[[Channel], Coroutine[Any, Any, object]]
DEEDS: dict[str, tuple[Deed, int]] = {
    "wait to read": (lambda channel: channel.wait(Direction.READ), IN),
    "wait to write": (lambda channel: channel.wait(Direction.WRITE), OUT),
    "read": (lambda channel: channel.read(1), IN),
    "read_exactly": (lambda channel: channel.read_exactly(1), IN),
    "next_message": (lambda channel: channel.next_message(), IN),
    "write_all": (lambda channel: channel.write_all([b"x"]), OUT),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_cancelled_wait_leaves_nothing_and_the_next_one_works(pair: Pair, loop: Context, deed: str) -> None:
    do, events = DEEDS[deed]
    clog(pair.writer)
    fd = number_of(pair.writer)

    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(do, pair.writer)
            await anyio.wait_all_tasks_blocked()
            assert registered(fd) == events
            tasks.cancel_scope.cancel()
        assert registered(fd) == 0
        drain(pair.reader)
        pair.reader.writev([b"x"])
        with anyio.fail_after(20):
            await do(pair.writer)
        assert registered(fd) == 0

    loop.run(body)


def test_a_cancelled_task_of_asyncio_leaves_nothing(pair: Pair) -> None:
    async def body() -> None:
        task = asyncio.create_task(pair.reader.read(1))
        while not registered(number_of(pair.reader)):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert registered(number_of(pair.reader)) == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pair.reader.read(1)
        pair.writer.writev([b"x"])
        assert await pair.reader.read(1) == b"x"

    asyncio.run(body())


def test_a_time_limit_of_the_loop_ends_a_wait_as_the_loop_says(pair: Pair, loop: Context) -> None:
    async def body() -> None:
        with anyio.move_on_after(0.01) as scope:
            await pair.reader.read(1)
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError), anyio.fail_after(0.01):
            await pair.reader.next_message()

    loop.run(body)


@pytest.mark.parametrize("deed", ["wake_read", "quiesce", "close", "data"])
def test_cancellation_wins_over_what_happens_in_the_same_moment_and_no_byte_is_lost(
    pair: Pair, loop: Context, deed: str
) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pair.reader.read, 1)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            pair.writer.writev([b"x"])
            if deed != "data":
                getattr(pair.reader, deed)()
        assert tasks.cancel_scope.cancel_called
        await anyio.lowlevel.checkpoint()
        if deed == "close":
            with pytest.raises(ClosedResourceError):
                await pair.reader.read(1)
        else:
            assert await pair.reader.read(1) == b"x"

    loop.run(body)


def test_a_wake_that_comes_when_the_wait_is_over_cancels_nothing_else(pair: Pair, loop: Context) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pair.reader.wait, Direction.READ)
            await anyio.wait_all_tasks_blocked()
            pair.writer.writev([b"x"])
            pair.reader.wake_read()
        with anyio.CancelScope() as scope:
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
        assert not scope.cancelled_caught

    loop.run(body)


def test_closing_in_the_loop_itself_wakes_its_reader(pair: Pair, loop: Context) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                with pytest.raises(ClosedResourceError):
                    await pair.reader.read(1)

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            pair.reader.close()

    loop.run(body)
