"""Sockets by host and port, over IPv4 and IPv6: connecting, listening, delaying."""

import contextlib
import io
import socket
import time
from collections.abc import Callable, Iterator

import anyio
import pytest

from prhelper.channel import (
    ClosedResourceError,
    Direction,
    Feature,
    SocketChannel,
    TcpListener,
    Waiter,
    connect_tcp,
    run,
)

from .contexts import PATIENCE, Context, Stepper
from .kinds import Pair, ipv6_wanted, tcp6_pair, tcp_pair
from .watching import Waits, number_of


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[TcpListener]:
    with ipv6_wanted() if request.param == "::1" else contextlib.nullcontext():
        made = TcpListener(request.param, 0, backlog=1)
    with made:
        yield made


@pytest.fixture(params=[tcp_pair, tcp6_pair], ids=["IPv4", "IPv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    made: Pair = request.param()
    yield made
    made.close()


def test_connecting_and_accepting_makes_a_pair_that_talks(
    listener: TcpListener, context: Context, other: Context, waits: Waits
) -> None:
    async def ask() -> bytes:
        with await connect_tcp(listener.address, listener.port) as channel:
            await channel.write_all([b"question"])
            channel.shutdown(Direction.WRITE)
            return await channel.read_exactly(6)

    async def answer() -> bytes:
        with await listener.accept() as channel:
            question = await channel.read_exactly(8)
            assert await channel.read(1) == b""
            await channel.write_all([b"answer"])
            return question

    answering = other.start(answer)
    waits.next()
    assert context.run(ask) == b"answer"
    assert answering.result() == b"question"


def test_both_ends_can_shut_down_and_delay_and_nothing_else(pair: Pair) -> None:
    for channel in pair.reader, pair.writer:
        assert channel.has_feature(Feature.SHUTDOWN | Feature.DELAY)
        for feature in Feature.FD_PASS, Feature.LISTEN, Feature.SEEKABLE:
            assert not channel.has_feature(feature)


def test_descriptors_are_refused_and_not_dropped_without_a_word(pair: Pair) -> None:
    with pytest.raises(io.UnsupportedOperation, match="descriptors"):
        pair.writer.writev([b"lost"], [0])
    pair.writer.writev([b"kept"], [])
    with pytest.raises(io.UnsupportedOperation, match="descriptors"):
        pair.reader.readv([bytearray(8)], [])
    with pytest.raises(io.UnsupportedOperation, match="descriptors"):
        pair.reader.read_now(8, [])
    assert run(pair.reader.read(8)) == b"kept"


@pytest.mark.parametrize(
    ("choose", "option", "values"),
    [
        (lambda channel, on: channel.set_delay(not on), socket.TCP_NODELAY, [True, False]),
        (lambda channel, on: channel.set_cork(on), socket.TCP_CORK, [True, False]),
    ],
    ids=["delay", "cork"],
)
def test_the_choice_reaches_the_socket(
    pair: Pair, choose: Callable[[SocketChannel, bool], None], option: int, values: list[bool]
) -> None:
    assert isinstance(pair.writer, SocketChannel)
    for on in values:
        choose(pair.writer, on)
        assert bool(pair.writer._socket.getsockopt(socket.IPPROTO_TCP, option)) is on
    pair.writer.close()
    with pytest.raises(ClosedResourceError):
        choose(pair.writer, True)


def test_nobody_listens_there_is_an_error_that_names_the_address(listener: TcpListener, context: Context) -> None:
    address, port = listener.address, listener.port
    listener.close()
    with pytest.raises(ConnectionRefusedError, match=f"{address} port {port}"):
        context.run(lambda: connect_tcp(address, port))


def test_the_addresses_of_a_name_are_tried_in_turn(
    listener: TcpListener, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    with TcpListener("127.0.0.1", 0) as closed:
        dead = resolve("127.0.0.1", closed.port, type=socket.SOCK_STREAM)
    alive = resolve(listener.address, listener.port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: dead + alive)
    context.run(lambda: connect_tcp("name.example", 1)).close()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: dead + dead)
    with pytest.raises(ConnectionRefusedError):
        context.run(lambda: connect_tcp("name.example", 1))


def fill_backlog(listener: TcpListener) -> list[socket.socket]:
    """Connect until the kernel answers no more: what comes then waits in SYN-SENT."""
    callers = []
    while True:
        caller = socket.socket(listener._socket.family)
        callers.append(caller)
        caller.settimeout(0.05)
        try:
            caller.connect((listener.address, listener.port))
        except TimeoutError:
            return callers


def test_a_connection_that_nobody_answers_ends_at_the_deadline_or_by_cancelling(
    listener: TcpListener, context: Context, loop: Context
) -> None:
    async def give_up() -> None:
        with anyio.move_on_after(0.01) as scope:
            await connect_tcp(listener.address, listener.port)
        assert scope.cancelled_caught

    callers = fill_backlog(listener)
    with pytest.raises(TimeoutError):
        context.run(lambda: connect_tcp(listener.address, listener.port, time.monotonic() + 0.01))
    loop.run(give_up)
    for caller in callers:
        caller.close()


def test_a_wait_that_returns_for_nothing_is_no_connection(listener: TcpListener) -> None:
    callers = fill_backlog(listener)
    stepper = Stepper(connect_tcp(listener.address, listener.port, time.monotonic() + PATIENCE))
    request = stepper.step()
    while not isinstance(request, Waiter):  # resolving
        request = stepper.step(request.function())
    for _ in range(3):
        request = stepper.step()
        assert isinstance(request, Waiter)
    with pytest.raises(TimeoutError):
        stepper.step(fault=TimeoutError())
    for caller in callers:
        caller.close()


def test_a_listener_takes_numbers_and_no_names() -> None:
    with pytest.raises(OSError, match="not known"):
        TcpListener("localhost", 0)


def test_an_address_in_use_is_an_error(listener: TcpListener) -> None:
    with pytest.raises(OSError, match="in use"):
        TcpListener(listener.address, listener.port)


def test_the_listener_accepts_and_carries_nothing(listener: TcpListener) -> None:
    assert listener.has_feature(Feature.LISTEN)
    assert not listener.has_feature(Feature.SHUTDOWN)
    with pytest.raises(io.UnsupportedOperation, match="carries no data"):
        listener.readv([bytearray(1)])
    assert number_of(listener) >= 0
