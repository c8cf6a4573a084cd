"""The kinds without a descriptor, null and buffer: nothing ever waits, in no context."""

import io
import os
from collections.abc import Callable

import pytest

from prhelper.channel import (
    BufferChannel,
    Channel,
    ClosedResourceError,
    Direction,
    EndOfStream,
    Feature,
    HomeLoop,
    IncompleteRead,
    NullChannel,
    run,
)

from .contexts import Context

MAKERS: dict[str, Callable[[], Channel]] = {"null": NullChannel, "buffer": lambda: BufferChannel(b"data")}


@pytest.fixture(params=MAKERS)
def channel(request: pytest.FixtureRequest) -> Channel:
    return MAKERS[request.param]()


def test_they_can_seek_and_nothing_else(channel: Channel) -> None:
    assert channel.has_feature(Feature.SEEKABLE)
    for feature in Feature.FD_PASS, Feature.SHUTDOWN, Feature.LISTEN:
        assert not channel.has_feature(feature)
    with pytest.raises(io.UnsupportedOperation, match="shut down"):
        channel.shutdown()


@pytest.mark.parametrize("deed", [lambda c: c.readv([bytearray(1)], []), lambda c: c.writev([b"x"], [0])])
def test_descriptors_are_refused_and_nothing_is_moved(channel: Channel, deed: Callable[[Channel], object]) -> None:
    with pytest.raises(io.UnsupportedOperation, match="descriptors"):
        deed(channel)
    assert channel.seek(0, os.SEEK_CUR) == 0
    assert channel.writev([b"x"], []) == 1


def test_no_wait_waits(channel: Channel, context: Context) -> None:
    async def wait() -> bool:
        for direction in Direction:
            await channel.wait(direction, deadline=0.0)
        return await channel.next_message()

    assert context.run(wait) is True


def test_a_home_loop_is_not_even_asked(channel: Channel, context: Context) -> None:
    channel.home = HomeLoop()
    context.run(lambda: channel.wait(Direction.READ))


def test_quiesce_leaves_one_message_as_there_is_always_one(channel: Channel, context: Context) -> None:
    channel.quiesce()
    assert [context.run(channel.next_message) for _ in range(3)] == [True, False, False]
    channel.resume()
    assert context.run(channel.next_message) is True


def test_they_fail_once_closed(channel: Channel, context: Context) -> None:
    channel.close()
    channel.close()
    for deed in (
        lambda: channel.read(1),
        lambda: channel.write_all([b"x"]),
        lambda: channel.wait(Direction.READ),
        channel.next_message,
    ):
        with pytest.raises(ClosedResourceError):
            context.run(deed)
    with pytest.raises(ClosedResourceError):
        channel.seek(0)


def test_null_takes_all_and_gives_nothing(context: Context) -> None:
    with NullChannel() as null:
        assert null.writev([b"abc", bytearray(4), memoryview(b"12345678").cast("Q")]) == 15
        context.run(lambda: null.write_all([bytes(1 << 20)]))
        assert null.readv([bytearray(4)]) == 0
        assert null.seek(1000) == null.seek(-4, os.SEEK_END) == 0
        assert context.run(lambda: null.read_exactly_or_eof(4)) is None
        with pytest.raises(EndOfStream):
            context.run(lambda: null.read_exactly(1))


def test_a_buffer_keeps_what_is_written_and_reads_it_after_a_seek(context: Context) -> None:
    async def converse() -> list[bytes]:
        await buffer.write_all([b"hello", b" ", bytearray(b"world")])
        heard = [await buffer.read(10)]
        buffer.seek(6)
        return [*heard, await buffer.read_exactly(5)]

    buffer = BufferChannel()
    assert context.run(converse) == [b"", b"world"]
    buffer.close()
    assert buffer.data == b"hello world"


def test_a_buffer_scatters_what_it_holds_and_ends() -> None:
    buffer = BufferChannel(b"abcdefg")
    vectors = [bytearray(3), bytearray(0), bytearray(10)]
    assert buffer.readv(vectors) == 7
    assert vectors == [b"abc", b"", b"defg" + bytes(6)]
    assert buffer.readv(vectors) == 0
    buffer.seek(-2, os.SEEK_END)
    with pytest.raises(IncompleteRead):
        run(buffer.read_exactly(3))


def test_writing_into_a_buffer_replaces_and_a_gap_is_zeroes() -> None:
    buffer = BufferChannel(b"abc")
    buffer.seek(1)
    buffer.writev([b"X"])
    buffer.seek(2, os.SEEK_CUR)
    buffer.writev([b"Y"])
    assert buffer.data == b"aXc\0Y"
    with pytest.raises(ValueError, match="negative"):
        buffer.seek(-1)
