"""One wait at a time: deadlines, wakes, a second waiter, and closing under somebody who waits."""

import math
import socket
import time
from collections.abc import Iterator

import pytest

from prhelper.channel import BusyResourceError, ClosedResourceError, Direction, is_ready, run
from prhelper.channel import context as context_module

from .contexts import Context, Running
from .kinds import Pair, clog, drain
from .watching import Waits, WatchedChannel, is_open, number_of, registered

DIRECTIONS = pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)


@pytest.fixture
def watched() -> Iterator[tuple[WatchedChannel, socket.socket]]:
    near, far = socket.socketpair()
    with WatchedChannel(near) as channel, far:
        yield channel, far


@DIRECTIONS
def test_a_deadline_ends_the_wait_and_leaves_nothing(
    watched: tuple[WatchedChannel, socket.socket], context: Context, direction: Direction
) -> None:
    channel, far = watched
    clog(channel)

    async def wait_twice() -> list[int]:
        left = []
        for seconds in (-1.0, 0.02):
            deadline = time.monotonic() + seconds
            with pytest.raises(TimeoutError):
                await channel.wait(direction, deadline)
            assert time.monotonic() >= deadline
            left.append(registered(channel.fd))
        return left

    assert context.run(wait_twice) == [0, 0]
    assert far.recv(1) == b"\0"


@pytest.mark.parametrize("seconds", [1000.0, 1e8, math.inf], ids=["minutes", "years", "for ever"])
def test_a_deadline_far_away_changes_nothing(pair: Pair, context: Context, waits: Waits, seconds: float) -> None:
    reading = context.start(lambda: pair.reader.read(4, deadline=time.monotonic() + seconds))
    waits.next()
    pair.writer.writev([b"data"])
    assert reading.result() == b"data"


def test_a_deadline_beyond_one_poll_is_kept_all_the_same(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "_MAX_POLL", 0.01)
    deadline = time.monotonic() + 0.05
    with pytest.raises(TimeoutError):
        run(pair.reader.read(1, deadline=deadline))
    assert time.monotonic() >= deadline


@pytest.mark.parametrize("seconds", [-1.0, 0.0])
def test_what_is_there_is_read_although_the_deadline_has_passed(pair: Pair, context: Context, seconds: float) -> None:
    pair.writer.writev([b"data"])
    assert context.run(lambda: pair.reader.read(4, deadline=time.monotonic() + seconds)) == b"data"


@pytest.mark.parametrize("deed", ["read", "exactly", "or eof", "next_message", "write_all"])
def test_every_deed_with_a_deadline_keeps_to_it(pair: Pair, context: Context, deed: str) -> None:
    clog(pair.writer)
    deadline = time.monotonic() + 0.01
    deeds = {
        "read": lambda: pair.writer.read(1, deadline=deadline),
        "exactly": lambda: pair.writer.read_exactly(1, deadline=deadline),
        "or eof": lambda: pair.writer.read_exactly_or_eof(1, deadline=deadline),
        "next_message": lambda: pair.writer.next_message(deadline),
        "write_all": lambda: pair.writer.write_all([b"x"], deadline=deadline),
    }
    with pytest.raises(TimeoutError):
        context.run(deeds[deed])


@DIRECTIONS
def test_a_second_waiter_in_one_direction_is_refused_and_the_first_not_disturbed(
    pair: Pair, context: Context, other: Context, waits: Waits, direction: Direction
) -> None:
    clog(pair.writer)
    first = context.start(lambda: pair.writer.wait(direction))
    waits.next(direction)
    for _ in range(2):
        with pytest.raises(BusyResourceError, match=rf"^Another task is already waiting to {direction.value} on this"):
            other.run(lambda: pair.writer.wait(direction))
    drain(pair.reader)
    pair.reader.writev([b"x"])
    first.result()


def test_a_reader_and_a_writer_may_wait_at_once(pair: Pair, context: Context, other: Context, waits: Waits) -> None:
    clogged = clog(pair.writer)
    reading = context.start(lambda: pair.writer.read(10))
    waits.next(Direction.READ)
    writing = other.start(lambda: pair.writer.write_all([b"end"]))
    waits.next(Direction.WRITE)
    assert run(pair.reader.read_exactly(clogged)) == bytes(clogged)
    writing.result()
    pair.reader.writev([b"answer"])
    assert reading.result() == b"answer"
    assert drain(pair.reader) == b"end"


def test_a_wake_from_another_thread_ends_the_wait_once(pair: Pair, context: Context, waits: Waits) -> None:
    async def wait_twice() -> None:
        await pair.reader.wait(Direction.READ)
        await pair.reader.wait(Direction.READ, time.monotonic() + 0.05)

    waiting = context.start(wait_twice)
    waits.next()
    pair.reader.wake_read()
    assert isinstance(waiting.fault(), TimeoutError)


def test_a_wake_does_not_end_the_wait_of_a_writer(pair: Pair, context: Context, waits: Waits) -> None:
    clog(pair.writer)
    waiting = context.start(lambda: pair.writer.wait(Direction.WRITE, time.monotonic() + 0.05))
    waits.next(Direction.WRITE)
    pair.writer.wake_read()
    assert isinstance(waiting.fault(), TimeoutError)


def test_a_wake_without_a_reader_is_harmless_and_forgotten(pair: Pair, context: Context) -> None:
    pair.reader.wake_read()
    with pytest.raises(TimeoutError):
        context.run(lambda: pair.reader.wait(Direction.READ, time.monotonic() + 0.02))
    pair.reader.wake_read()


def test_a_wake_during_a_read_loses_nothing(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read_exactly(6))
    for half in (b"abc", b"def"):
        waits.next()
        pair.reader.wake_read()
        waits.next()
        pair.writer.writev([half])
    assert reading.result() == b"abcdef"


@DIRECTIONS
def test_closing_from_another_thread_wakes_the_waiter_and_the_descriptor_goes_last(
    watched: tuple[WatchedChannel, socket.socket], context: Context, waits: Waits, direction: Direction
) -> None:
    channel, far = watched
    clog(channel)
    waiting = context.start(lambda: channel.wait(direction))
    waits.next(direction)
    channel.close()
    assert isinstance(waiting.fault(), ClosedResourceError)
    assert channel.registered_at_close == [0]
    assert not is_open(channel.fd)
    while far.recv(65536):  # what was sent before, then the end
        pass


def test_closing_wakes_reader_and_writer_and_the_last_of_them_closes_the_descriptor(
    watched: tuple[WatchedChannel, socket.socket], context: Context, other: Context, waits: Waits
) -> None:
    channel, _ = watched
    clog(channel)
    waiting: list[Running[None]] = []
    for place, direction in ((context, Direction.READ), (other, Direction.WRITE)):
        waiting.append(place.start(lambda direction=direction: channel.wait(direction)))  # type: ignore[misc]
        waits.next(direction)
    channel.close()
    channel.close()
    assert [type(each.fault()) for each in waiting] == [ClosedResourceError] * 2
    assert channel.registered_at_close == [0]


def test_readiness_is_told_for_each_direction_by_itself(pair: Pair) -> None:
    fd = number_of(pair.writer)
    seen = []
    for deed in (lambda: clog(pair.writer), lambda: pair.reader.writev([b"x"]), lambda: drain(pair.reader)):
        deed()
        seen.append([is_ready(fd, direction) for direction in (Direction.READ, Direction.WRITE)])
    assert seen == [[False, False], [True, False], [True, True]]
