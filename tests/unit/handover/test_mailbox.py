"""A mailbox keeps whole messages with their descriptors, whatever becomes of those that put them in."""

import errno
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from prhelper.handover import mailbox

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Pair]:
    giving, taking = mailbox.pair()
    yield giving, taking
    giving.close()
    taking.close()


def test_messages_stay_apart_and_in_order_after_the_end_is_closed(ends: Pair) -> None:
    giving, taking = ends
    reading, writing = os.pipe()
    assert mailbox.put(giving, b"first", [reading, writing])
    assert mailbox.put(giving, b"second", [])
    giving.close()
    os.close(reading)
    os.close(writing)
    first, second = mailbox.take(taking), mailbox.take(taking)
    assert first is not None
    assert second is not None
    assert (first.data, second.data, second.fds) == (b"first", b"second", [])
    with first.take() as reader:
        with first.take() as writer:
            assert not os.get_inheritable(writer.fileno())
            os.write(writer.fileno(), b"x")
        assert os.read(reader.fileno(), 2) == b"x"
    assert first.fds == []
    assert mailbox.take(taking) is None


def test_without_a_message_there_is_none_yet(ends: Pair) -> None:
    with pytest.raises(BlockingIOError):
        mailbox.take(ends[1])


def test_largest_message_arrives_whole(ends: Pair) -> None:
    giving, taking = ends
    null = os.open(os.devnull, os.O_RDONLY)
    data = os.urandom(2 * mailbox.MAX_SIZE)
    assert mailbox.put(giving, data, [null] * 253)
    os.close(null)
    received = mailbox.take(taking)
    assert received is not None
    assert received.data == data
    assert len(received.fds) == 253
    while received.fds:
        received.take().close()


def test_message_whose_descriptor_does_not_arrive_is_not_whole(ends: Pair) -> None:
    giving, taking = ends
    with mailbox.file_of(b"x") as file:
        assert mailbox.put(giving, b"whole", [file.fileno()])
        assert mailbox.put(giving, b"not whole", [file.fileno()])
    whole = mailbox.take(taking)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        not_whole = mailbox.take(taking)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert whole is not None
    assert whole.is_whole
    assert mailbox.content_of(whole) == b"x"
    assert not_whole is not None
    assert not not_whole.is_whole
    with pytest.raises(OSError, match="did not arrive"):
        mailbox.content_of(not_whole)


def test_full_it_takes_no_more_and_keeps_what_it_has(ends: Pair) -> None:
    giving, taking = ends
    count = 0
    while mailbox.put(giving, bytes(mailbox.MAX_SIZE), []):
        count += 1
    assert count > 0
    giving.close()
    while mailbox.take(taking) is not None:
        count -= 1
    assert count == 0


def test_what_cannot_be_passed_on_is_an_error(ends: Pair) -> None:
    giving, taking = ends
    with pytest.raises(OSError, match="Bad file descriptor"):
        mailbox.put(giving, b"x", [1_000_000])
    taking.close()
    with pytest.raises(OSError) as raised:  # noqa: PT011 (its number says which)
        mailbox.put(giving, b"x", [])
    assert raised.value.errno == errno.EPIPE


def test_what_was_put_in_is_taken_though_the_other_end_was_closed_with_something_unread(ends: Pair) -> None:
    giving, taking = ends
    assert mailbox.put(taking, b"unread", [])
    assert mailbox.put(giving, b"last", [])
    giving.close()
    received = mailbox.take(taking)
    assert received is not None
    assert received.data == b"last"
    assert mailbox.take(taking) is None
