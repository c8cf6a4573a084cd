"""Waiting for any of several descriptors."""

import socket
from collections.abc import Iterator

import pytest

from prhelper.channel import Direction, is_ready
from prhelper.channel.any_of import AnyOf

READ, WRITE = Direction.READ, Direction.WRITE


@pytest.fixture
def any_of() -> Iterator[AnyOf]:
    made = AnyOf()
    yield made
    made.close()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def ready(any_of: AnyOf, *awaited: tuple[int, Direction] | None) -> bool:
    waited_on = any_of.wait_on(*awaited)
    assert waited_on is not None
    return is_ready(*waited_on)


def test_each_of_them_makes_it_ready(any_of: AnyOf, sockets: tuple[socket.socket, socket.socket]) -> None:
    one, other = (sock.fileno() for sock in sockets)
    assert not ready(any_of, (one, READ), (other, READ))
    sockets[0].send(b"x")
    assert ready(any_of, (one, READ), (other, READ))
    assert ready(any_of, (other, READ), (one, READ))


def test_both_directions_of_one_descriptor(any_of: AnyOf, sockets: tuple[socket.socket, socket.socket]) -> None:
    fd = sockets[0].fileno()
    for _ in range(2):  # what was wanted before is wanted no more
        assert not ready(any_of, (fd, READ))
        assert ready(any_of, (fd, WRITE), (fd, READ))
        assert ready(any_of, (fd, READ), (fd, WRITE))


def test_another_descriptor_than_before_is_all_that_counts(
    any_of: AnyOf, sockets: tuple[socket.socket, socket.socket]
) -> None:
    one, other = (sock.fileno() for sock in sockets)
    assert ready(any_of, (one, WRITE))
    assert not ready(any_of, (other, READ))


def test_one_that_needs_no_waiting_is_enough(any_of: AnyOf, sockets: tuple[socket.socket, socket.socket]) -> None:
    assert any_of.wait_on((sockets[0].fileno(), READ), None) is None
