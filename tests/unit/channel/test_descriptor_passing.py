"""Descriptors over Unix sockets: copies of the sender's, owned by exactly one object, and never left over."""

import errno
import fcntl
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.channel import DescriptorsTruncatedError, Direction, Feature, OwnedFd, SocketChannel

from .contexts import Context
from .kinds import Pair, clog, tcp_pair
from .watching import Waits, open_count

Wire = tuple[SocketChannel, socket.socket]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """A descriptor of an ordinary file."""
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def close_all(fds: list[OwnedFd]) -> None:
    for fd in fds:
        fd.close()


def test_one_descriptor_sent_three_times_arrives_as_three_that_reach_the_same_file(
    pair: Pair, context: Context, file: int
) -> None:
    received: list[OwnedFd] = []

    async def converse() -> bytes:
        await pair.writer.write_all([b"one", b"two"], [file, file, file])
        return await pair.reader.read_exactly(6, received)

    assert context.run(converse) == b"onetwo"
    numbers = {fd.fileno() for fd in received}
    assert len(numbers) == 3
    assert file not in numbers
    os.write(file, b"seen by all")
    assert {os.pread(fd.fileno(), 20, 0) for fd in received} == {b"seen by all"}
    close_all(received)


def test_a_received_descriptor_is_close_on_exec_and_blocking(wire: Wire) -> None:
    channel, far = wire
    received: list[OwnedFd] = []
    near_end, far_end = os.pipe2(os.O_NONBLOCK)
    os.set_inheritable(near_end, True)
    socket.send_fds(far, [b"x"], [near_end])
    assert channel.readv([bytearray(1)], received) == 1
    (fd,) = received
    assert fcntl.fcntl(fd.fileno(), fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert os.get_blocking(fd.fileno())
    close_all(received)
    os.close(near_end)
    os.close(far_end)


def test_descriptors_come_with_the_first_byte_of_their_message(pair: Pair, context: Context, file: int) -> None:
    received: list[OwnedFd] = []

    async def converse() -> list[int]:
        await pair.writer.write_all([b"before"])
        await pair.writer.write_all([b"message"], [file])
        counts = []
        for size in (6, 1, 6):
            await pair.reader.read_exactly(size, received)
            counts.append(len(received))
        return counts

    assert context.run(converse) == [0, 1, 1]
    close_all(received)


def test_descriptors_are_sent_once_however_often_the_write_is_tried(
    pair: Pair, context: Context, file: int, waits: Waits
) -> None:
    clogged = clog(pair.writer)
    received: list[OwnedFd] = []
    writing = context.start(lambda: pair.writer.write_all([bytes(40000)], iter([file, file])))
    waits.next(Direction.WRITE)
    context.run(lambda: pair.reader.read_exactly(clogged + 40000, received))
    writing.result()
    assert len(received) == 2
    close_all(received)


@pytest.mark.parametrize("into_new_memory", [False, True])
def test_without_a_list_the_kernel_closes_what_comes(wire: Wire, file: int, into_new_memory: bool) -> None:
    channel, far = wire
    before = open_count()
    socket.send_fds(far, [b"x"], [file, file])
    if into_new_memory:
        assert channel.read_now(1) == b"x"
    else:
        assert channel.readv([bytearray(1)]) == 1
    assert open_count() == before


def test_as_many_as_there_is_room_for_arrive(wire: Wire, file: int) -> None:
    channel, far = wire
    received: list[OwnedFd] = []
    socket.send_fds(far, [b"x"], [file] * 16)
    assert channel.readv([bytearray(1)], received) == 1
    assert len(received) == 16
    close_all(received)


def test_more_than_there_is_room_for_is_an_error_with_none_left_open(wire: Wire, file: int) -> None:
    channel, far = wire
    received: list[OwnedFd] = []
    before = open_count()
    socket.send_fds(far, [b"x"], [file] * 40)
    with pytest.raises(DescriptorsTruncatedError):
        channel.readv([bytearray(1)], received)
    assert not received
    assert open_count() == before


@pytest.mark.parametrize("spare", [0, 1])
def test_more_than_this_process_may_open_is_an_error_with_none_left_open(wire: Wire, file: int, spare: int) -> None:
    channel, far = wire
    received: list[OwnedFd] = []
    socket.send_fds(far, [b"x"], [file, file])
    probe = os.dup(file)
    os.close(probe)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + spare, hard))  # every number below `probe` is taken
    try:
        with pytest.raises(DescriptorsTruncatedError):
            channel.readv([bytearray(1)], received)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not received


def test_a_descriptor_that_cannot_be_made_to_block_is_closed(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, blocking: bool) -> None:
        raise PermissionError(fd, blocking)

    channel, far = wire
    received: list[OwnedFd] = []
    ends = os.pipe2(os.O_NONBLOCK)
    socket.send_fds(far, [b"x"], ends)
    for end in ends:
        os.close(end)
    before = open_count()
    monkeypatch.setattr(os, "set_blocking", refuse)
    with pytest.raises(PermissionError):
        channel.readv([bytearray(1)], received)
    assert open_count() == before


def test_a_sender_keeps_its_descriptor(pair: Pair, context: Context, file: int) -> None:
    context.run(lambda: pair.writer.write_all([b"x"], [file]))
    os.fstat(file)
    assert pair.reader.readv([bytearray(1)]) == 1


def test_sending_what_is_no_descriptor_is_the_callers_fault_and_harms_nothing(pair: Pair, file: int) -> None:
    closed = os.dup(file)
    os.close(closed)
    with pytest.raises(OSError, match="descriptor") as caught:
        pair.writer.writev([b"x"], [closed])
    assert caught.value.errno == errno.EBADF
    assert pair.writer.writev([b"x"]) == 1
    assert pair.reader.readv([bytearray(2)]) == 1


def test_only_unix_sockets_can_pass_descriptors() -> None:
    pair = tcp_pair()
    assert not pair.reader.has_feature(Feature.FD_PASS)
    pair.close()


def test_an_owned_descriptor_is_closed_once_and_forgets_its_number(file: int) -> None:
    fd = OwnedFd(os.dup(file))
    number = fd.fileno()
    fd.close()
    assert fd.fileno() == -1
    stranger = os.dup(file)
    assert stranger == number
    fd.close()
    os.fstat(stranger)
    os.close(stranger)


def test_a_detached_descriptor_is_the_callers(file: int) -> None:
    with OwnedFd(os.dup(file)) as fd:
        assert repr(fd) == f"OwnedFd({fd.fileno()})"
        number = fd.detach()
    os.fstat(number)
    os.close(number)


def test_a_block_closes_what_it_owns_even_if_somebody_else_did(file: int) -> None:
    with OwnedFd(os.dup(file)) as fd:
        os.close(fd.fileno())


def test_a_forgotten_descriptor_is_closed_with_a_warning(file: int) -> None:
    before = open_count()
    with pytest.warns(ResourceWarning, match="never closed"):
        OwnedFd(os.dup(file))
    assert open_count() == before
