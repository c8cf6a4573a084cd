"""What the kernel has registered: one-shot, gone before the close, and never another file under the same number."""

import os
import socket
import time
from collections.abc import Iterator

import anyio
import pytest

from prhelper.channel import ClosedResourceError, Direction, SocketChannel, Waiter

from .conftest import Home
from .contexts import Context, Stepper
from .kinds import Pair, clog, drain
from .watching import OUT, Waits, WatchedChannel, is_open, registered

Watched = tuple[WatchedChannel, socket.socket]


@pytest.fixture
def watched() -> Iterator[Watched]:
    near, far = socket.socketpair()
    with WatchedChannel(near) as channel, far:
        yield channel, far


@pytest.fixture(params=["following", "at home"])
def placed(request: pytest.FixtureRequest, watched: Watched, home: Home) -> Watched:
    """A channel that follows its coroutines, or waits in a home loop."""
    if request.param == "at home":
        watched[0].home = home[0]
    return watched


@pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)
def test_a_registration_is_gone_when_the_coroutine_goes_on(
    placed: Watched, context: Context, waits: Waits, direction: Direction
) -> None:
    channel, far = placed
    sent = clog(channel)

    async def wait() -> int:
        await channel.wait(direction)
        return registered(channel.fd)

    waiting = context.start(wait)
    waits.next(Direction.READ if channel.home else direction)
    far.send(b"x")
    far.recv(sent, socket.MSG_WAITALL)
    assert waiting.result() == 0


def test_a_byte_that_nobody_reads_fires_nothing(placed: Watched, loop: Context) -> None:
    channel, far = placed
    far.send(b"abc")

    async def body() -> list[int]:
        left = []
        assert await channel.read(1) == b"a"
        left.append(registered(channel.fd))
        await channel.wait(Direction.READ)
        left.append(registered(channel.fd))
        channel.quiesce()
        assert await channel.next_message()
        assert not await channel.next_message()
        left.append(registered(channel.fd))
        await anyio.wait_all_tasks_blocked()
        return [*left, registered(channel.fd)]

    assert loop.run(body) == [0] * 4


def test_a_writer_that_waits_is_not_told_of_what_comes_in(pair: Pair, loop: Context) -> None:
    async def body() -> None:
        clog(pair.writer)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pair.writer.wait, Direction.WRITE)
            await anyio.wait_all_tasks_blocked()
            pair.reader.writev([b"for nobody"])
            await anyio.wait_all_tasks_blocked()
            assert registered(pair.writer._wait_on(Direction.WRITE)[0]) == OUT  # type: ignore[index]
            drain(pair.reader)

    loop.run(body)


def test_the_number_of_a_closed_channel_stays_taken_until_its_waiter_has_gone(watched: Watched) -> None:
    channel, _ = watched
    stepper = Stepper(channel.read(1))
    assert isinstance(stepper.step(), Waiter)
    channel.close()
    assert is_open(channel.fd)
    with pytest.raises(ClosedResourceError):
        stepper.step()
    assert not is_open(channel.fd)


def test_another_file_under_the_same_number_is_not_taken_for_the_closed_channel(
    placed: Watched, context: Context, other: Context, waits: Waits
) -> None:
    channel, _ = placed
    near, far = socket.socketpair()
    reading = context.start(lambda: channel.read(1))
    waits.next()
    channel.close()
    assert isinstance(reading.fault(), ClosedResourceError)
    while is_open(channel.fd):  # a home loop lets go of it in its own time
        time.sleep(0)
    with near:
        os.dup2(near.fileno(), channel.fd, inheritable=False)
    with far, SocketChannel.adopt(channel.fd) as newcomer:
        far.send(b"for nobody yet")
        assert registered(channel.fd) == 0
        with pytest.raises(ClosedResourceError):
            context.run(lambda: channel.read(1))
        assert other.run(lambda: newcomer.read(64)) == b"for nobody yet"
        assert registered(channel.fd) == 0
    assert channel.registered_at_close == [0]
