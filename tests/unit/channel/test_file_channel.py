"""Files, pipes, devices: opened and adopted, waited for only where the kernel lets anybody wait."""

import errno
import io
import os
import pty
import stat
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.channel import (
    BrokenResourceError,
    ClosedResourceError,
    Direction,
    Feature,
    FileChannel,
    OwnedFd,
    fd_channel,
    run,
)

from .contexts import Context
from .watching import Waits, is_open, number_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_a_file_is_written_and_read_back_from_one_position(path: Path, context: Context) -> None:
    async def converse() -> list[bytes]:
        await channel.write_all([b"hello ", b"world"])
        channel.seek(-5, os.SEEK_END)
        heard = [await channel.read_exactly(5), await channel.read(1)]
        channel.seek(0)
        return [*heard, await channel.read(100)]

    with FileChannel.open(path, os.O_RDWR | os.O_CREAT) as channel:
        assert channel.has_feature(Feature.SEEKABLE)
        assert not channel.has_feature(Feature.SHUTDOWN)
        assert context.run(converse) == [b"world", b"", b"hello world"]
    assert path.read_bytes() == b"hello world"


@pytest.mark.parametrize(("mode", "umask", "seen"), [(0o666, 0o027, 0o640), (0o600, 0o000, 0o600)])
def test_the_mode_of_a_new_file_honours_the_umask(path: Path, mode: int, umask: int, seen: int) -> None:
    before = os.umask(umask)
    try:
        FileChannel.open(path, os.O_WRONLY | os.O_CREAT, mode).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == seen


def test_a_file_that_is_not_there_is_an_error_that_names_it(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="file"):
        FileChannel.open(path)


@pytest.mark.parametrize("where", ["file", "/dev/null", "/dev/zero"])
def test_what_cannot_be_waited_for_is_never_waited_for(tmp_path: Path, where: str, context: Context) -> None:
    async def wait() -> bool:
        for direction in Direction:
            await channel.wait(direction, deadline=0.0)
        return await channel.next_message()

    with FileChannel.open(tmp_path / where, os.O_RDWR | os.O_CREAT) as channel:
        fd = channel._file.fileno()
        assert context.run(wait) is True
        assert os.get_blocking(fd)
        assert not os.get_inheritable(fd)
    assert not is_open(fd)


def test_the_access_mode_decides_which_direction_there_is(path: Path, context: Context) -> None:
    with FileChannel.open(path, os.O_WRONLY | os.O_CREAT) as writer, FileChannel.open(path) as reader:
        for deed in lambda: writer.read(1), lambda: writer.wait(Direction.READ):
            with pytest.raises(io.UnsupportedOperation, match="cannot read"):
                context.run(deed)
        for deed in lambda: reader.write_all([b"x"]), lambda: reader.wait(Direction.WRITE):
            with pytest.raises(io.UnsupportedOperation, match="cannot write"):
                context.run(deed)


def test_descriptors_are_refused_and_nothing_is_moved() -> None:
    reader, writer = FileChannel.pipe()
    with reader, writer:
        with pytest.raises(io.UnsupportedOperation, match="descriptors"):
            writer.writev([b"x"], [0])
        writer.writev([b"y"])
        with pytest.raises(io.UnsupportedOperation, match="descriptors"):
            reader.readv([bytearray(1)], [])
        assert run(reader.read(10)) == b"y"


def test_what_the_kernel_refuses_is_broken_and_says_why(tmp_path: Path) -> None:
    with FileChannel.open(tmp_path) as directory, pytest.raises(BrokenResourceError) as caught:
        directory.readv([bytearray(1)])
    assert isinstance(caught.value.__cause__, IsADirectoryError)
    with FileChannel.open("/dev/full", os.O_WRONLY) as full, pytest.raises(BrokenResourceError) as caught:
        full.writev([b"x"])
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


def test_a_pipe_cannot_seek() -> None:
    reader, writer = FileChannel.pipe()
    with reader, writer, pytest.raises(io.UnsupportedOperation, match="seek"):
        reader.seek(0)


Ends = tuple[int, int]
"""A descriptor to read from, and one to write to it; both block."""


def pipe(_: Path) -> Ends:
    return os.pipe()


def fifo(path: Path) -> Ends:
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR)
    ends = os.open(path, os.O_RDONLY), os.open(path, os.O_WRONLY)
    os.close(both)
    return ends


def terminal(_: Path) -> Ends:
    near, far = pty.openpty()
    tty.setraw(far)
    return far, near


def terminal_the_other_way(_: Path) -> Ends:
    far, near = terminal(_)
    return near, far


WAITABLE = [pipe, fifo, terminal, terminal_the_other_way]


@pytest.fixture(params=[True, False], ids=["asked", "cannot be asked"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One as it is, and one that cannot be asked for a single call not to block."""

    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    if not request.param:
        monkeypatch.setattr(os, "preadv", refuse)
        monkeypatch.setattr(os, "pwritev", refuse)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("ends", WAITABLE)
@pytest.mark.parametrize("blocking", [True, False])
def test_channels_on_one_open_file_leave_its_mode_alone_and_never_block(
    path: Path, ends: Callable[[Path], Ends], blocking: bool
) -> None:
    near, far = ends(path)
    os.set_blocking(near, blocking)
    mine = os.dup(near)
    with FileChannel.adopt(os.dup(near)) as second:
        with FileChannel.adopt(near) as first:
            assert os.get_blocking(mine) is blocking
            assert first.readv([bytearray(1)]) is None
        assert os.get_blocking(mine) is blocking
        assert second.read_now(1) is None
        os.write(far, b"late")
        assert run(second.read_exactly(4)) == b"late"
    assert os.get_blocking(mine) is blocking
    os.close(far)
    os.close(mine)


@pytest.mark.slow
@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("ends", WAITABLE)
def test_much_is_written_to_what_blocks_without_blocking(
    path: Path, ends: Callable[[Path], Ends], context: Context, waits: Waits
) -> None:
    far, near = ends(path)
    data = os.urandom(20_000 if os.isatty(near) else 150_000)
    with FileChannel.adopt(near) as writer, FileChannel.adopt(far) as reader:
        writing = context.start(lambda: writer.write_all([data[:1], b"", data[1:]]))
        waits.next(Direction.WRITE)
        assert os.get_blocking(near)
        assert run(reader.read_exactly(len(data))) == data
        writing.result()


def test_a_pipe_that_blocks_is_waited_for(context: Context, waits: Waits) -> None:
    near, far = os.pipe()
    with FileChannel.adopt(near) as channel:
        reading = context.start(lambda: channel.read(10))
        waits.next()
        os.write(far, b"late")
        assert reading.result() == b"late"
    assert not is_open(near)
    os.close(far)


def test_a_terminal_talks_in_both_directions(context: Context) -> None:
    async def converse() -> bytes:
        await channel.write_all([b"question"])
        heard = b""
        while len(heard) < 8:
            heard += os.read(near, 100)
        assert heard == b"question"
        os.write(near, b"answer")
        return await channel.read_exactly(6)

    near, far = pty.openpty()
    tty.setraw(far)
    with FileChannel.adopt(far) as channel:
        assert context.run(converse) == b"answer"
    os.close(near)


def test_a_number_that_is_not_open_cannot_be_adopted() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file"):
        FileChannel.adopt(fd)


def test_a_channel_that_cannot_be_made_closes_its_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: OwnedFd) -> bool:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(fd_channel, "_is_pollable", refuse)
    with pytest.raises(OSError, match="Too many"):
        FileChannel.open(path, os.O_RDWR | os.O_CREAT)


def test_closing_wakes_who_reads_a_pipe(context: Context, waits: Waits) -> None:
    reader, writer = FileChannel.pipe()
    fd = number_of(reader)
    with writer:
        reading = context.start(lambda: reader.read(1))
        waits.next()
        reader.close()
        assert isinstance(reading.fault(), ClosedResourceError)
        assert not is_open(fd)
