"""TLS: the end of the stream, as opposed to truncation."""

import socket
import ssl
import struct
from collections.abc import Iterator

import pytest

from prhelper.channel import BrokenResourceError, Channel, Direction, Feature, TlsChannel, run

from .contexts import Context
from .kinds import Pair, clog, tcp_pair
from .tls_ends import connected
from .trickle import Trickle
from .watching import Waits


@pytest.fixture
def pair(inner: Pair) -> Iterator[Pair]:
    made = Pair(*connected(inner.reader, inner.writer))
    yield made
    made.close()


@pytest.mark.parametrize("late", [False, True], ids=["cut before", "cut during the wait"])
@pytest.mark.parametrize("sent", [b"", b"some"])
def test_a_stream_that_is_cut_off_is_no_end(
    pair: Pair, inner: Pair, context: Context, waits: Waits, sent: bytes, late: bool
) -> None:
    async def read() -> bytes:
        assert await pair.reader.read_exactly(len(sent)) == sent
        return await pair.reader.read(1)

    pair.writer.writev([sent])
    if not late:
        inner.writer.shutdown(Direction.WRITE)
    reading = context.start(read)
    if late:
        waits.next()
        inner.writer.shutdown(Direction.WRITE)
    fault = reading.fault()
    assert isinstance(fault, BrokenResourceError)
    assert str(fault) == "TLS failed: the stream was truncated: the peer left without close_notify"
    assert isinstance(fault.__cause__, ssl.SSLError)
    for deed in pair.reader.read(1), pair.reader.write_all([b"x"]):
        with pytest.raises(BrokenResourceError, match="truncated"):
            context.run(lambda deed=deed: deed)  # type: ignore[misc]


async def count_to_the_end(channel: Channel) -> int:
    count = 0
    while data := await channel.read(1 << 16):
        count += len(data)
    return count


def test_who_has_sent_all_is_not_told_that_an_alert_found_nobody(pair: Pair, inner: Pair, context: Context) -> None:
    assert pair.reader.writev([b"farewell"]) == 8
    assert context.run(lambda: pair.writer.read_exactly(8)) == b"farewell"
    inner.writer.shutdown()
    with pytest.raises(BrokenResourceError, match="truncated"):
        context.run(lambda: pair.reader.read(1))
    context.run(lambda: pair.reader.wait(Direction.WRITE))
    with pytest.raises(BrokenResourceError, match="truncated"):
        pair.reader.writev([b"more"])


def test_a_record_cut_in_the_middle_is_no_end(inner: Pair, context: Context) -> None:
    client, server = connected(inner.reader, Trickle(inner.writer, 500))
    with client, server:
        while server.writev([bytes(1000)]) is None:
            pass
        assert server._session.unsent
        inner.writer.shutdown(Direction.WRITE)
        with pytest.raises(BrokenResourceError, match="truncated"):
            context.run(lambda: client.read(1))


def test_a_message_from_the_wire_that_was_forged_breaks_the_connection(pair: Pair, inner: Pair) -> None:
    inner.writer.writev([b"\x17\x03\x03\x00\x20" + bytes(32)])
    with pytest.raises(BrokenResourceError, match=r"bad record mac|record layer failure"):  # since OpenSSL 3.5
        run(pair.reader.read(1))
    with pytest.raises(BrokenResourceError, match="the alert 'bad record mac'"):
        run(pair.writer.read(1))


def test_bye_ends_one_direction_and_the_other_goes_on(pair: Pair, context: Context) -> None:
    async def converse() -> None:
        for near, far in (pair.writer, pair.reader), (pair.reader, pair.writer):
            assert isinstance(near, TlsChannel)
            await near.write_all([b"last words"])
            await near.bye()
            await near.bye()
            assert await far.read_exactly(10) == b"last words"
            assert await far.read(1) == b""
        for end in pair.reader, pair.writer:
            assert await end.read(1) == b""

    context.run(converse)


def test_bye_waits_where_the_channel_is_clogged_so_that_closing_is_a_clean_end(
    pair: Pair, context: Context, other: Context
) -> None:
    clogged = clog(pair.writer)

    async def leave() -> None:
        assert isinstance(pair.writer, TlsChannel)
        await pair.writer.bye()
        pair.writer.close()

    leaving = context.start(leave)
    assert other.run(lambda: count_to_the_end(pair.reader)) == clogged
    leaving.result()


def test_who_said_bye_writes_no_more_and_reads_all_that_was_under_way(pair: Pair, context: Context) -> None:
    async def converse() -> None:
        assert isinstance(pair.reader, TlsChannel)
        await pair.writer.write_all([b"one two three"])
        await pair.writer.write_all([b" four"])
        assert await pair.reader.read(4) == b"one "  # and the other record has come from the inner channel too
        await pair.reader.bye()
        assert await pair.reader.read_exactly(14) == b"two three four"
        with pytest.raises(BrokenResourceError):
            await pair.reader.write_all([b"more"])
        await pair.writer.write_all([b"still"])
        assert await pair.reader.read(100) == b"still"

    context.run(converse)


def test_shutting_down_writing_is_a_clean_end_and_ends_the_inner_channel_too(
    pair: Pair, inner: Pair, context: Context
) -> None:
    assert pair.writer.features == Feature.SHUTDOWN
    pair.writer.writev([b"x"])
    pair.writer.shutdown(Direction.WRITE)
    assert context.run(lambda: pair.reader.read_exactly(1)) == b"x"
    assert context.run(lambda: pair.reader.read(1)) == b""
    assert inner.reader.readv([bytearray(1)]) == 0
    context.run(lambda: pair.reader.write_all([b"answer"]))
    assert context.run(lambda: pair.writer.read_exactly(6)) == b"answer"


def test_after_shutting_down_writing_a_stream_that_is_cut_off_is_still_no_end(
    pair: Pair, inner: Pair, context: Context
) -> None:
    pair.reader.shutdown(Direction.WRITE)
    inner.writer.shutdown(Direction.WRITE)
    with pytest.raises(BrokenResourceError, match="truncated"):
        context.run(lambda: pair.reader.read(1))


def test_shutting_down_a_clogged_channel_ends_it_when_all_was_sent_by_whoever_waits(
    pair: Pair, context: Context, other: Context, waits: Waits
) -> None:
    reading = context.start(lambda: pair.writer.read(1))
    waits.next()
    clogged = clog(pair.writer)
    pair.writer.shutdown(Direction.WRITE)
    assert other.run(lambda: count_to_the_end(pair.reader)) == clogged
    pair.reader.close()
    assert reading.result() == b""


def test_shutting_down_reading_is_an_end_on_this_side(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read(1))
    waits.next()
    pair.reader.shutdown(Direction.READ)
    assert reading.result() == b""
    context.run(lambda: pair.reader.write_all([b"goes on"]))
    assert context.run(lambda: pair.writer.read_exactly(7)) == b"goes on"


def test_shutting_down_both_directions_ends_both_cleanly(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read(1))
    waits.next()
    pair.reader.shutdown()
    assert reading.result() == b""
    assert context.run(lambda: pair.writer.read(1)) == b""


def test_closing_a_clogged_channel_cuts_it_off(pair: Pair, context: Context) -> None:
    clog(pair.writer)
    pair.writer.close()
    with pytest.raises(BrokenResourceError, match="truncated"):
        context.run(lambda: count_to_the_end(pair.reader))


def test_what_can_never_be_sent_is_told_to_who_wrote_it_whoever_found_out(pair: Pair, context: Context) -> None:
    clog(pair.writer)
    pair.reader._inner.close()  # type: ignore[attr-defined]
    for deed in pair.writer.read(1), pair.writer.wait(Direction.WRITE), pair.writer.write_all([b"x"]):
        with pytest.raises(BrokenResourceError):
            context.run(lambda deed=deed: deed)  # type: ignore[misc]


def test_a_connection_that_was_reset_stays_so(tls_over_tcp: Pair, context: Context) -> None:
    sock = tls_over_tcp.writer._inner._socket  # type: ignore[attr-defined]
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tls_over_tcp.writer._inner.close()  # type: ignore[attr-defined]
    for _ in range(2):
        with pytest.raises(BrokenResourceError) as caught:
            context.run(lambda: tls_over_tcp.reader.read(1))
        assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_closing_with_tickets_unread_loses_nothing_of_what_was_written_to_tcp(tls_over_tcp: Pair) -> None:
    run(tls_over_tcp.reader.write_all([bytes(1 << 16)]))
    tls_over_tcp.reader.close()
    assert len(run(tls_over_tcp.writer.read_exactly(1 << 16))) == 1 << 16
    assert run(tls_over_tcp.writer.read(1)) == b""


@pytest.fixture
def tls_over_tcp() -> Iterator[Pair]:
    inner = tcp_pair()
    made = Pair(*connected(inner.reader, inner.writer))
    yield made
    made.close()
