"""A channel as one of anyio's streams: with anyio's own streams on top, and with the errors that anyio promises."""

import io
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.text import TextStream
from anyio.streams.tls import TLSStream

from prhelper.channel import (
    BrokenResourceError,
    BusyResourceError,
    ChannelStream,
    ClosedResourceError,
    CommandChannel,
    EndOfStream,
    TlsChannel,
)

from .contexts import Context
from .kinds import Pair, command_pair, reset
from .tls_ends import HOST, client_context, server_context

Streams = tuple[ChannelStream, ChannelStream]
MUCH = bytes(range(250)) * 2000


@pytest.fixture
def streams(pair: Pair) -> Streams:
    """Two connected ends."""
    return ChannelStream(pair.reader), ChannelStream(pair.writer)


def both(loop: Context, *bodies: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `bodies` side by side in one loop, within a time limit."""

    async def body() -> None:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for each in bodies:
                    tasks.start_soon(each)

    loop.run(body)


def test_bytes_arrive_in_order_and_then_the_end(streams: Streams, loop: Context) -> None:
    near, far = streams

    async def send() -> None:
        await far.send(MUCH)
        await far.send_eof()

    async def receive() -> None:
        assert b"".join([part async for part in near]) == MUCH
        with pytest.raises(EndOfStream):
            await near.receive()

    both(loop, send, receive)


def test_one_direction_goes_on_after_the_other_has_ended(streams: Streams, loop: Context) -> None:
    near, far = streams

    async def converse() -> None:
        await near.send_eof()
        await far.send(b"goes on")
        assert await near.receive() == b"goes on"
        with pytest.raises(BrokenResourceError):
            await near.send(b"x")

    both(loop, converse)


def test_text_and_delimited_messages_by_anyios_own_streams(streams: Streams, loop: Context) -> None:
    near, far = streams

    async def converse() -> None:
        text = TextStream(far)
        await text.send("grüße\n")
        assert await BufferedByteReceiveStream(near).receive_until(b"\n", 100) == "grüße".encode()
        await near.send("zurück".encode())
        assert await text.receive() == "zurück"

    both(loop, converse)


def test_anyios_tls_on_top_talks_to_a_tls_channel(pair: Pair, loop: Context) -> None:
    async def serve() -> None:
        with TlsChannel.server(pair.writer, server_context()) as channel:
            await channel.handshake()
            await channel.write_all([await channel.read_exactly(len(MUCH))])
            await channel.bye()
            assert await channel.read(1) == b""

    async def ask() -> None:
        stream = await TLSStream.wrap(ChannelStream(pair.reader), hostname=HOST, ssl_context=client_context())
        async with stream:
            await stream.send(MUCH)
            answer = b""
            while len(answer) < len(MUCH):
                answer += await stream.receive()
            assert answer == MUCH
            with pytest.raises(EndOfStream):
                await stream.receive()

    both(loop, serve, ask)


def test_a_stream_over_a_tls_channel(pair: Pair, loop: Context) -> None:
    async def serve() -> None:
        channel = TlsChannel.server(pair.writer, server_context())
        await channel.handshake()
        async with ChannelStream(channel) as stream:
            await stream.send(await stream.receive())
            await stream.send_eof()

    async def ask() -> None:
        channel = TlsChannel.client(pair.reader, client_context(), HOST)
        await channel.handshake()
        async with ChannelStream(channel) as stream:
            await stream.send(b"to and fro")
            assert await stream.receive() == b"to and fro"
            with pytest.raises(EndOfStream):
                await stream.receive()

    both(loop, serve, ask)


def test_a_reset_is_a_broken_resource(pair: Pair, streams: Streams, loop: Context) -> None:
    reset(pair)
    with pytest.raises(BrokenResourceError) as raised:
        loop.run(streams[0].receive)
    assert isinstance(raised.value.__cause__, ConnectionResetError)


def test_closing_ends_a_receive_in_another_task(streams: Streams, loop: Context) -> None:
    near, _ = streams

    async def receive() -> None:
        with pytest.raises(ClosedResourceError):
            await near.receive()

    async def close() -> None:
        await anyio.wait_all_tasks_blocked()
        await near.aclose()
        with pytest.raises(ClosedResourceError):
            await near.send(b"x")

    both(loop, receive, close)


def test_a_second_task_in_the_same_direction_is_refused(streams: Streams, loop: Context) -> None:
    near, far = streams

    async def send_much() -> None:
        with pytest.raises(ClosedResourceError):
            await far.send(MUCH)

    async def receive() -> None:
        assert await near.receive()

    async def interfere() -> None:
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(BusyResourceError):
            await far.send(b"x")
        with pytest.raises(BusyResourceError):
            await far.send_eof()
        await far.aclose()

    both(loop, send_much, receive, interfere)


def test_a_cancelled_receive_has_lost_nothing(streams: Streams, loop: Context) -> None:
    near, far = streams

    async def converse() -> None:
        with anyio.move_on_after(0.01) as scope:
            await near.receive()
        assert scope.cancelled_caught
        await far.send(b"later")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await near.receive()
        assert await near.receive() == b"later"

    both(loop, converse)


def test_closing_works_in_a_task_that_is_cancelled(pair: Pair, streams: Streams, loop: Context) -> None:
    async def close() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await streams[0].aclose()
        assert scope.cancelled_caught

    both(loop, close)
    assert pair.reader.closed


def test_closing_a_command_lets_the_other_tasks_run(loop: Context, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    channel = CommandChannel.spawn(["cat", fifo], patience=20.0)

    async def close() -> None:
        await ChannelStream(channel).aclose()

    async def let_it_end() -> None:
        await anyio.sleep(0)
        await anyio.to_thread.run_sync(fifo.write_bytes, b"")

    both(loop, close, let_it_end)
    assert channel.returncode == 0


def test_without_the_feature_the_end_cannot_be_sent(loop: Context) -> None:
    pair = command_pair()
    with pytest.raises(io.UnsupportedOperation):
        loop.run(ChannelStream(pair.writer).send_eof)
    pair.close()
