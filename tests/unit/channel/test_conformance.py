"""What every kind of channel does, in every context: reading, writing, ends and failures.

The suite is written against `Pair` alone. A coroutine that waits runs in a thread of its own while the test plays
the peer, and acts only when it has seen that a wait has begun.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from prhelper.channel import (
    BrokenResourceError,
    Channel,
    ClosedResourceError,
    Direction,
    EndOfStream,
    IncompleteRead,
)

from .contexts import Context
from .kinds import Pair, clog, drain
from .watching import Waits

MUCH = 1 << 20
"""More bytes than any of the channels can hold. (TCP makes room in a clogged one a little later, all by itself.)"""


@pytest.fixture
def pair(each_pair: Pair) -> Pair:
    return each_pair


def test_reading_where_nothing_is_gives_none(pair: Pair) -> None:
    assert pair.reader.readv([bytearray(4)]) is None


def test_writing_gives_none_once_the_channel_is_clogged(pair: Pair) -> None:
    assert clog(pair.writer) > 0


def test_vectors_are_gathered_and_scattered_in_order(pair: Pair, context: Context) -> None:
    vectors: list[bytearray | memoryview] = [bytearray(3), memoryview(bytearray(1)), bytearray(0), bytearray(10)]

    async def converse() -> int | None:
        await pair.writer.write_all([b"abc", bytearray(b""), memoryview(b"defg")])
        await pair.reader.wait(Direction.READ)
        return pair.reader.readv(vectors)

    assert context.run(converse) == 7
    assert b"".join(map(bytes, vectors)) == b"abcdefg" + bytes(7)


def test_more_vectors_than_one_call_takes_arrive_all(pair: Pair, context: Context) -> None:
    vectors = [bytes([number % 251]) for number in range(3000)]
    buffers = [bytearray(1) for _ in range(3000)]
    writing = context.start(lambda: pair.writer.write_all(vectors))
    assert context.run(lambda: pair.reader.read_exactly(3000)) == b"".join(vectors)
    writing.result()
    pair.writer.writev([b"many buffers"])
    context.run(lambda: pair.reader.wait(Direction.READ))
    assert pair.reader.readv(buffers) == 12
    assert b"".join(map(bytes, buffers[:12])) == b"many buffers"


def test_nothing_but_empty_buffers_is_written_without_a_trace(pair: Pair, context: Context) -> None:
    context.run(lambda: pair.writer.write_all([b"", bytearray()]))
    assert pair.reader.readv([bytearray(1)]) is None


def test_read_returns_what_there_is_and_never_more_than_asked(pair: Pair, context: Context) -> None:
    async def converse() -> list[bytes]:
        await pair.writer.write_all([b"abcdef"])
        return [await pair.reader.read(4), await pair.reader.read(4)]

    assert context.run(converse) == [b"abcd", b"ef"]


def test_read_waits_for_the_peer(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read(100))
    waits.next()
    pair.writer.writev([b"late"])
    assert reading.result() == b"late"


def test_read_exactly_collects_what_trickles_in(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read_exactly(8))
    for byte in b"trickled":
        waits.next()
        pair.writer.writev([bytes([byte])])
    assert reading.result() == b"trickled"


def test_read_exactly_leaves_the_next_message_alone(pair: Pair, context: Context) -> None:
    pair.writer.writev([b"firstsecond"])
    assert context.run(lambda: pair.reader.read_exactly(5)) == b"first"
    assert drain(pair.reader) == b"second"


def test_write_all_waits_while_the_channel_is_clogged(pair: Pair, context: Context, waits: Waits) -> None:
    clogged = clog(pair.writer)
    writing = context.start(lambda: pair.writer.write_all([b"a" * 5000, b"", b"b" * MUCH]))
    waits.next(Direction.WRITE)
    data = context.run(lambda: pair.reader.read_exactly(clogged + 5000 + MUCH))
    writing.result()
    assert data[clogged:] == b"a" * 5000 + b"b" * MUCH


Read = Callable[[Channel], Coroutine[Any, Any, bytes | None]]
ENDS: dict[str, tuple[Read, bytes, bytes | type[Exception] | None]] = {
    "read, nothing": (lambda channel: channel.read(4), b"", b""),
    "read, some": (lambda channel: channel.read(4), b"ab", b"ab"),
    "exactly, nothing": (lambda channel: channel.read_exactly(4), b"", EndOfStream),
    "exactly, some": (lambda channel: channel.read_exactly(4), b"ab", IncompleteRead),
    "exactly, all": (lambda channel: channel.read_exactly(4), b"abcd", b"abcd"),
    "exactly, no bytes": (lambda channel: channel.read_exactly(0), b"", b""),
    "or eof, nothing": (lambda channel: channel.read_exactly_or_eof(4), b"", None),
    "or eof, some": (lambda channel: channel.read_exactly_or_eof(4), b"abc", IncompleteRead),
    "or eof, all": (lambda channel: channel.read_exactly_or_eof(4), b"abcd", b"abcd"),
}


@pytest.mark.parametrize("late", [False, True], ids=["ended before", "ends during the wait"])
@pytest.mark.parametrize("case", ENDS)
def test_the_end_means_what_was_asked_for(pair: Pair, context: Context, waits: Waits, case: str, late: bool) -> None:
    read, sent, outcome = ENDS[case]
    if sent:
        pair.writer.writev([sent])
    if not late:
        pair.writer.close()
    reading = context.start(lambda: read(pair.reader))
    if late and outcome not in (b"ab", b"abcd") and case != "exactly, no bytes":
        waits.next()
    pair.writer.close()
    if isinstance(outcome, type):
        assert type(reading.fault()) is outcome
    else:
        assert reading.result() == outcome


def test_the_end_stays_the_end(pair: Pair, context: Context) -> None:
    pair.writer.close()
    assert [context.run(lambda: pair.reader.read(1)) for _ in range(3)] == [b""] * 3
    assert pair.reader.readv([bytearray(1)]) == 0


def test_writing_to_a_peer_that_is_gone_is_broken(pair: Pair, context: Context) -> None:
    async def write() -> None:
        while True:  # the first may get away before the news
            await pair.writer.write_all([bytes(1000)])

    pair.reader.close()
    with pytest.raises(BrokenResourceError) as caught:
        context.run(write)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_writer_that_waits_is_told_that_the_peer_vanished(pair: Pair, context: Context, waits: Waits) -> None:
    writing = context.start(lambda: pair.writer.write_all([bytes(MUCH)]))
    waits.next(Direction.WRITE)
    pair.reader.close()
    assert isinstance(writing.fault(), BrokenResourceError)


Deed = Callable[[Channel], Coroutine[Any, Any, object]]
DEEDS: dict[str, Deed] = {
    "read": lambda channel: channel.read(1),
    "read_exactly": lambda channel: channel.read_exactly(1),
    "read_exactly_or_eof": lambda channel: channel.read_exactly_or_eof(1),
    "write_all": lambda channel: channel.write_all([b"x"]),
    "wait to read": lambda channel: channel.wait(Direction.READ),
    "wait to write": lambda channel: channel.wait(Direction.WRITE),
    "next_message": lambda channel: channel.next_message(),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_closed_channel_refuses(pair: Pair, context: Context, deed: str) -> None:
    for channel in pair.reader, pair.writer:
        channel.close()
        with pytest.raises(ClosedResourceError):
            context.run(lambda channel=channel: DEEDS[deed](channel))  # type: ignore[misc]


def test_a_closed_channel_refuses_without_waiting_too(pair: Pair) -> None:
    pair.close()
    with pytest.raises(ClosedResourceError):
        pair.reader.readv([bytearray(1)])
    with pytest.raises(ClosedResourceError):
        pair.writer.writev([b"x"])


def test_closing_twice_is_harmless_and_leaving_the_block_closes(pair: Pair) -> None:
    with pair.reader as same:
        assert same is pair.reader
    pair.reader.close()
    pair.reader.wake_read()
    with pytest.raises(ClosedResourceError):
        pair.reader.readv([])
