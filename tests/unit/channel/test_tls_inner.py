"""TLS over inner channels that make it hard: what it takes over from them, and bytes both ways at once."""

import queue
import socket
import threading
from collections.abc import Callable

import pytest

from prhelper.channel import Feature, run
from prhelper.channel.home import HomeWatch

from .conftest import Home
from .contexts import PATIENCE, Context
from .kinds import Pair, tcp_pair, unix_pair
from .tls_ends import connected
from .trickle import Trickle

pytestmark = pytest.mark.slow

MUCH = bytes(place % 251 for place in range(300_000))


def tls_over(inner: Pair) -> Pair:
    return Pair(*connected(inner.reader, inner.writer))


def trickling(most: int) -> Pair:
    pair = unix_pair()
    return Pair(Trickle(pair.reader, most), Trickle(pair.writer, most))


INNER: dict[str, tuple[Callable[[], Pair], int]] = {
    "tiny buffers": (unix_pair, len(MUCH)),
    "tcp": (tcp_pair, len(MUCH)),
    "seven bytes at a time": (lambda: trickling(7), 20_000),
    "tls": (lambda: tls_over(unix_pair()), 100_000),
}


@pytest.mark.parametrize("kind", INNER)
def test_both_ends_talk_at_once_each_with_its_two_coroutines_elsewhere(
    kind: str, context: Context, other: Context
) -> None:
    make, size = INNER[kind]
    pair = tls_over(make())
    ends = pair.reader, pair.writer
    writing = [context.start(lambda end=end: end.write_all([MUCH[:size]])) for end in ends]  # type: ignore[misc]
    reading = [other.start(lambda end=end: end.read_exactly(size)) for end in ends]  # type: ignore[misc]
    assert [body.result() for body in reading] == [MUCH[:size]] * 2
    for body in writing:
        body.result()
    pair.close()


def test_one_message_after_another_in_other_contexts_and_nothing_is_lost(context: Context, other: Context) -> None:
    pair = tls_over(unix_pair())
    for number in range(6):
        places = (context, other) if number % 2 else (other, context)
        message = bytes([number]) * 5000
        writing = places[0].start(lambda message=message: pair.writer.write_all([message]))  # type: ignore[misc]
        assert places[1].run(lambda: pair.reader.read_exactly(5000)) == message
        writing.result()
    pair.close()


def test_the_waits_are_where_those_of_the_inner_channel_were_to_be(inner: Pair, home: Home, context: Context) -> None:
    entered, portal = home
    threads: queue.Queue[int] = queue.Queue()
    watch_began = HomeWatch.run

    async def watched(watch: HomeWatch, previous: HomeWatch | None) -> None:
        threads.put(threading.get_ident())
        await watch_began(watch, previous)

    inner.reader.home = entered
    client, server = connected(inner.reader, inner.writer)
    with client, server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(HomeWatch, "run", watched)
        reading = context.start(lambda: client.read_exactly(4))
        try:
            assert threads.get(timeout=PATIENCE) == portal.call(threading.get_ident)
        finally:
            run(server.write_all([b"data"]))
        assert reading.result() == b"data"


def test_the_features_are_those_of_the_inner_channel_but_descriptors() -> None:
    over_unix, over_tcp = tls_over(unix_pair()), tls_over(tcp_pair())
    assert over_unix.reader.features == Feature.SHUTDOWN
    assert over_tcp.reader.features == Feature.SHUTDOWN | Feature.DELAY
    over_tcp.reader.set_cork(True)
    over_tcp.reader.set_delay(False)
    sock = over_tcp.reader._inner._socket  # type: ignore[attr-defined]
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    over_unix.close()
    over_tcp.close()
