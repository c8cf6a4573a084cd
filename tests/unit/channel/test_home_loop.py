"""follow=False: the home loop watches, and the waiting coroutine stays where it is.

The home loop runs in a portal's thread. Who watches which descriptor in which thread is seen at anyio's own functions,
through which every watch of a loop goes.
"""

import asyncio
import contextlib
import gc
import socket
import threading
import time

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from prhelper.channel import BusyResourceError, ClosedResourceError, Direction, HomeLoop

from .conftest import Home
from .contexts import Context
from .kinds import Pair, clog
from .watching import Waits, WatchedChannel, is_open, number_of, registered


@pytest.fixture
def homely(home: Home, pair: Pair) -> Pair:
    """A pair whose channels both wait in the home loop."""
    for channel in pair.reader, pair.writer:
        channel.home = home[0]
    return pair


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Thread and descriptor of every wait of any event loop."""
    seen: list[tuple[int, int]] = []
    wait_readable = anyio.wait_readable

    async def noted(fd: int) -> None:
        seen.append((threading.get_ident(), fd))
        await wait_readable(fd)

    monkeypatch.setattr(anyio, "wait_readable", noted)
    return seen


def test_the_home_loop_watches_and_the_coroutine_stays_where_it_is(
    homely: Pair, home: Home, context: Context, waits: Waits, watches: list[tuple[int, int]]
) -> None:
    async def read() -> tuple[set[int], bytes]:
        before = threading.get_ident()
        data = await homely.reader.read(4)
        return {before, threading.get_ident()}, data

    reading = context.start(read)
    waits.next()
    fd = number_of(homely.reader)
    homely.writer.writev([b"data"])
    where, data = reading.result()
    home_thread = home[1].call(threading.get_ident)
    assert data == b"data"
    assert len(where) == 1
    assert home_thread not in where
    assert {thread for thread, number in watches if number == fd} == {home_thread}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_whoever_runs_the_waiting_coroutine_does_not_matter_to_the_home_loop(homely: Pair, backend: str) -> None:
    homely.writer.writev([b"x"])  # anyio.run leaves a mark of its backend where callbacks of asyncio would see it

    async def body() -> None:
        await homely.reader.wait(Direction.READ, time.monotonic() + 20)

    anyio.run(body, backend=backend)


@pytest.mark.slow
def test_bulk_data_passes_between_coroutines_that_wait_at_home(homely: Pair, context: Context, other: Context) -> None:
    data = bytes(range(256)) * 800
    writing = other.start(lambda: homely.writer.write_all([data]))
    assert context.run(lambda: homely.reader.read_exactly(len(data))) == data
    writing.result()


def test_a_deadline_holds_at_home_and_leaves_nothing(homely: Pair, context: Context) -> None:
    with pytest.raises(TimeoutError):
        context.run(lambda: homely.reader.wait(Direction.READ, time.monotonic() + 0.02))


def test_waits_of_one_direction_that_follow_closely_do_not_collide(homely: Pair, context: Context) -> None:
    async def hurry() -> bytes:
        for _ in range(100):
            with contextlib.suppress(TimeoutError):
                await homely.reader.wait(Direction.READ, time.monotonic())
        homely.writer.writev([b"x"])
        return await homely.reader.read(1)

    assert context.run(hurry) == b"x"


@pytest.mark.parametrize("deed", ["wake_read", "quiesce", "close"])
def test_wakes_reach_a_wait_at_home(homely: Pair, context: Context, waits: Waits, deed: str) -> None:
    waiting = context.start(lambda: homely.reader.next_message())
    waits.next()
    waits.next()
    getattr(homely.reader, deed)()
    if deed == "wake_read":
        waits.next()
        homely.writer.writev([b"x"])
        assert waiting.result() is True
    elif deed == "quiesce":
        assert waiting.result() is False
    else:
        assert isinstance(waiting.fault(), ClosedResourceError)


def test_the_descriptor_is_closed_when_the_home_loop_watches_it_no_more(home: Home, context: Context) -> None:
    near, far = socket.socketpair()
    with far, WatchedChannel(near) as channel:
        channel.home = home[0]
        clog(channel)
        reading = context.start(lambda: channel.wait(Direction.READ))
        writing = context.start(lambda: channel.wait(Direction.WRITE))
        while registered(channel.fd) != 5:
            home[1].call(anyio.lowlevel.checkpoint)
        channel.close()
        assert [type(each.fault()) for each in (reading, writing)] == [ClosedResourceError] * 2
        while is_open(channel.fd):
            home[1].call(anyio.lowlevel.checkpoint)
        assert channel.registered_at_close == [0]


def test_cancelling_ends_the_watch_at_home(homely: Pair, loop: Context) -> None:
    async def body() -> None:
        with anyio.move_on_after(0.02):
            await homely.reader.wait(Direction.READ)
        homely.writer.writev([b"x"])
        assert await homely.reader.read(1) == b"x"

    loop.run(body)


def test_a_coroutine_may_wait_in_its_own_loop_as_its_home(pair: Pair, loop: Context) -> None:
    async def body() -> None:
        async with HomeLoop() as home, anyio.create_task_group() as tasks:
            pair.reader.home = home
            tasks.start_soon(pair.reader.wait, Direction.READ)
            await anyio.wait_all_tasks_blocked()
            pair.writer.writev([b"x"])

    loop.run(body)


def test_leaving_the_home_loop_tells_who_waits_and_leaks_nothing(pair: Pair, loop: Context, context: Context) -> None:
    fd = number_of(pair.reader)
    for _ in range(5):
        with start_blocking_portal(loop.name) as portal:
            with portal.wrap_async_context_manager(HomeLoop()) as home:
                pair.reader.home = home
                reading = context.start(lambda: pair.reader.read(1))
                while not registered(fd):
                    portal.call(anyio.lowlevel.checkpoint)
            with pytest.raises(RuntimeError, match="home loop"):
                reading.result()
            assert registered(fd) == 0
    with pytest.raises(RuntimeError, match="home loop"):
        context.run(lambda: pair.reader.read(1))
    pair.reader.close()
    assert not is_open(fd)


@pytest.mark.slow
def test_a_home_loop_that_ends_under_a_hurrying_reader_never_leaves_it_waiting(
    pair: Pair, loop: Context, context: Context
) -> None:
    async def hurry() -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await pair.reader.wait(Direction.READ, time.monotonic())

    for _ in range(5):
        with start_blocking_portal(loop.name) as portal:
            with portal.wrap_async_context_manager(HomeLoop()) as home:
                pair.reader.home = home
                hurrying = context.start(hurry)
            assert isinstance(hurrying.fault(), RuntimeError)


def test_a_home_loop_that_is_cancelled_ends_its_watches(pair: Pair, loop: Context, context: Context) -> None:
    fd = number_of(pair.reader)

    async def body() -> BaseException | None:
        with anyio.CancelScope() as scope:
            async with HomeLoop() as home:
                pair.reader.home = home
                reading = context.start(lambda: pair.reader.read(1))
                while not registered(fd):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        return reading.fault()

    assert isinstance(loop.run(body), RuntimeError)


@pytest.mark.filterwarnings("ignore:coroutine 'HomeLoop._run' was never awaited")  # which is what the test is about
def test_a_watch_that_is_cancelled_before_its_first_step_is_not_waited_for(pair: Pair) -> None:
    async def body() -> None:
        async with HomeLoop() as home:
            pair.reader.home = home
            reading = asyncio.create_task(pair.reader.read(1))
            known = asyncio.all_tasks()
            while not (watching := asyncio.all_tasks() - known):
                await asyncio.sleep(0)
            watching.pop().cancel()  # as asyncio.run does with whatever is left when it ends
        with pytest.raises(RuntimeError, match="home loop"):
            await reading

    asyncio.run(body())
    gc.collect()
    fd = number_of(pair.reader)
    pair.reader.close()
    assert not is_open(fd)


def test_a_fault_of_the_watch_is_the_waiting_coroutines_and_the_home_loop_goes_on(
    homely: Pair, home: Home, context: Context
) -> None:
    fd = number_of(homely.reader)
    rival = home[1].start_task_soon(anyio.wait_readable, fd)
    while not registered(fd):
        home[1].call(anyio.lowlevel.checkpoint)
    with pytest.raises(BusyResourceError):
        context.run(lambda: homely.reader.read(1))
    homely.writer.writev([b"x"])
    rival.result(20)
    assert context.run(lambda: homely.reader.read(1)) == b"x"
