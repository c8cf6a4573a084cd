"""A range of bytes of a file as a stream: what is outside is neither read nor written."""

import errno
import io
import os
from pathlib import Path

import pytest

from prhelper.channel import (
    BlockChannel,
    BrokenResourceError,
    ClosedResourceError,
    Direction,
    Feature,
    IncompleteRead,
    OwnedFd,
)

from .contexts import Context

OUTSIDE = b"-" * 100
INSIDE = bytes(range(200))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "disk"
    made.write_bytes(OUTSIDE + INSIDE + OUTSIDE)
    return made


def test_the_range_is_read_and_then_ends(path: Path, context: Context) -> None:
    with BlockChannel.open(path, offset=100, length=200) as channel:
        assert context.run(lambda: channel.read_exactly_or_eof(200)) == INSIDE
        assert context.run(lambda: channel.read_exactly_or_eof(200)) is None


def test_vectors_are_cut_at_the_end_of_the_range(path: Path) -> None:
    vectors = [bytearray(150), bytearray(0), bytearray(49), bytearray(4), bytearray(9)]
    with BlockChannel.open(path, offset=100, length=200) as channel:
        assert channel.readv(vectors) == 200
    assert b"".join(vectors) == INSIDE + bytes(12)


def test_by_default_the_range_goes_to_the_end_of_the_file(path: Path, context: Context) -> None:
    with BlockChannel.open(path, offset=350) as channel:
        assert context.run(lambda: channel.read(1000)) == b"-" * 50
        assert channel.seek(0, os.SEEK_END) == 50


def test_a_file_shorter_than_the_range_ends_early(path: Path, context: Context) -> None:
    with BlockChannel.open(path, offset=390, length=20) as channel, pytest.raises(IncompleteRead):
        context.run(lambda: channel.read_exactly(20))


def test_writing_stops_at_the_end_of_the_range_as_at_that_of_a_disk(path: Path, context: Context) -> None:
    with BlockChannel.open(path, os.O_RDWR, offset=100, length=200) as channel:
        with pytest.raises(BrokenResourceError) as caught:
            context.run(lambda: channel.write_all([b"a" * 150, b"b" * 100]))
        assert channel.writev([b""]) == 0
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert path.read_bytes() == OUTSIDE + b"a" * 150 + b"b" * 50 + OUTSIDE


def test_more_vectors_than_one_call_takes_arrive_all(tmp_path: Path, context: Context) -> None:
    async def converse() -> bytes:
        await channel.write_all(vectors)
        channel.seek(0)
        return await channel.read_exactly(3000)

    vectors = [bytes([number % 251]) for number in range(3000)]
    with BlockChannel.open(tmp_path / "new", os.O_RDWR | os.O_CREAT, length=3000) as channel:
        assert context.run(converse) == b"".join(vectors)


def test_seeking_stays_inside(path: Path, context: Context) -> None:
    with BlockChannel.open(path, offset=100, length=200) as channel:
        assert channel.has_feature(Feature.SEEKABLE)
        assert channel.seek(150) == 150
        assert channel.seek(10, os.SEEK_CUR) == 160
        assert context.run(lambda: channel.read(10)) == INSIDE[160:170]
        assert channel.seek(-200, os.SEEK_END) == 0
        for outside in (-1, 201):
            with pytest.raises(OSError, match="outside"):
                channel.seek(outside)
        assert channel.seek(0, os.SEEK_CUR) == 0


def test_the_position_of_the_open_file_is_left_alone(path: Path) -> None:
    mine = os.open(path, os.O_RDWR)
    os.lseek(mine, 7, os.SEEK_SET)
    with BlockChannel(OwnedFd(os.dup(mine)), 100, 200) as channel:
        channel.readv([bytearray(10)])
        channel.writev([b"x"])
    assert os.lseek(mine, 0, os.SEEK_CUR) == 7
    os.close(mine)


def test_nothing_waits_and_nothing_else_works(path: Path, context: Context) -> None:
    with BlockChannel.open(path) as channel:
        for direction in Direction:
            context.run(lambda direction=direction: channel.wait(direction, deadline=0.0))  # type: ignore[misc]
        with pytest.raises(io.UnsupportedOperation, match="descriptors"):
            channel.writev([b"x"], [0])
        with pytest.raises(io.UnsupportedOperation, match="descriptors"):
            channel.readv([bytearray(1)], [])
        with pytest.raises(io.UnsupportedOperation, match="shut down"):
            channel.shutdown()
    with pytest.raises(ClosedResourceError):
        channel.readv([bytearray(1)])


def test_what_the_kernel_refuses_is_broken(path: Path, tmp_path: Path) -> None:
    with BlockChannel.open(path) as channel, pytest.raises(BrokenResourceError):
        channel.writev([b"x"])
    with BlockChannel.open(tmp_path, length=10) as channel, pytest.raises(BrokenResourceError):
        channel.readv([bytearray(1)])


@pytest.mark.parametrize(("offset", "length"), [(-1, 10), (0, -1), (401, None)])
def test_a_range_that_cannot_be_is_refused_and_the_file_closed(path: Path, offset: int, length: int | None) -> None:
    with pytest.raises(ValueError, match="not a range"):
        BlockChannel.open(path, offset=offset, length=length)
