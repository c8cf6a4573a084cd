"""The NBD client against qemu-nbd: replies read in one context, requests written in all of them at once."""

import signal
from pathlib import Path

import pytest

from prhelper.channel import (
    Direction,
    HomeLoop,
    SocketChannel,
    run,
)

from ...unit.channel.contexts import ASYNCIO, THREAD, TRIO, Context
from ...unit.channel.watching import Waits
from ..handover import Inbox
from .client_handshake import negotiate
from .conftest import SIZE
from .exercise import exercise
from .link import Link
from .programs import qemu_nbd
from .service import READERS, Service, connect, connected
from .wire import Command

MIB = 1 << 20


@READERS
def test_requests_from_every_context_at_once_each_get_their_own_reply(
    nbd: Service, image: Path, reader: Context
) -> None:
    """Six writers, each with a region of its own, eight requests of each in flight; what they leave is compared."""
    writers = [ASYNCIO, TRIO, THREAD] * 2
    share = SIZE // len(writers) // 4096 * 4096
    with connected(nbd, reader) as client:
        working = [
            context.start(lambda context=context, number=number: exercise(client, context, number * share, share))  # type: ignore[misc]
            for number, context in enumerate(writers)
        ]
        wanted = b"".join(running.result() for running in working)
        run(client.command(Command.FLUSH))
        assert run(client.read(0, len(wanted))) == wanted
    assert image.read_bytes()[: len(wanted)] == wanted


def test_the_reader_may_move_between_contexts_while_requests_are_in_flight(nbd: Service) -> None:
    places = [ASYNCIO, TRIO, THREAD]
    share = SIZE // len(places)
    client = run(connect(nbd))
    moves = 0
    working = [
        context.start(lambda context=context, number=number: exercise(client, context, number * share, share))  # type: ignore[misc]
        for number, context in enumerate(places)
    ]
    while not all(running.ends_within(0) for running in working):
        receiving = places[moves % len(places)].start(client.receive_replies)
        client.pause()
        receiving.result()
        client.resume()
        moves += 1
    receiving = TRIO.start(client.receive_replies)
    wanted = b"".join(running.result() for running in working)
    assert run(client.read(0, len(wanted))) == wanted
    assert moves >= 3
    run(client.disconnect())
    receiving.result()
    client.close()


@READERS
@pytest.mark.parametrize("writer", [ASYNCIO, TRIO, THREAD], ids=repr)
def test_a_writer_waits_for_a_server_that_stands_still_while_the_reader_moves(
    image: Path, link: Link, monkeypatch: pytest.MonkeyPatch, reader: Context, writer: Context
) -> None:
    data = bytes(range(255)) * (SIZE // 255)
    waits = Waits()
    with qemu_nbd(image, link.qemu_server()) as (process, path):
        client = run(connect(Service(path, link)))
        waits.install(monkeypatch.setattr)
        process.send_signal(signal.SIGSTOP)
        receiving = reader.start(client.receive_replies)
        waits.next(Direction.READ)
        writing = writer.start(lambda: client.write(0, data))
        waits.next(Direction.WRITE)
        client.pause()
        receiving.result()
        client.resume()
        receiving = writer.start(client.receive_replies)
        waits.next(Direction.READ)
        process.send_signal(signal.SIGCONT)
        writing.result()
        run(client.disconnect())
        receiving.result()
        client.close()
    assert image.read_bytes()[: len(data)] == data


@READERS
def test_a_channel_that_does_not_follow_waits_at_home_for_all_of_them(image: Path, reader: Context) -> None:
    """QEMU's own way before channels followed: one loop has all the handlers, wherever the coroutines are."""

    async def keep_house() -> None:
        async with HomeLoop() as home:
            homes.put(home)
            await over.get()

    with qemu_nbd(image) as (_, path), Inbox[HomeLoop]() as homes, Inbox[None]() as over:
        housekeeping = TRIO.start(keep_house)
        channel = run(SocketChannel.connect(path))
        channel.home = run(homes.get())
        client = run(negotiate(channel, ""))
        receiving = reader.start(client.receive_replies)
        run(client.write(0, bytes(SIZE)))  # more than a socket holds: the writer waits at home while the reader does
        shares = [
            context.start(lambda context=context, start=number * MIB: exercise(client, context, start, MIB))  # type: ignore[misc]
            for number, context in enumerate([ASYNCIO, TRIO, THREAD])
        ]
        wanted = b"".join(share.result() for share in shares)
        assert run(client.read(0, 3 * MIB)) == wanted
        run(client.disconnect())
        receiving.result()
        client.close()
        over.put(None)
        housekeeping.result()


@READERS
def test_replies_may_all_be_awaited_after_all_requests_are_written(nbd: Service, image: Path, reader: Context) -> None:
    client = run(connect(nbd))
    pieces = [(number * 65536, 65536) for number in range(40)]  # 2.5 MiB: no socket buffer holds that
    replies = [
        context.run(lambda offset=offset, length=length: client.send(Command.READ, offset, length, room=length))  # type: ignore[misc]
        for (offset, length), context in zip(pieces, [ASYNCIO, TRIO, THREAD] * 14, strict=False)
    ]
    receiving = reader.start(client.receive_replies)
    for reply, (offset, length) in reversed([*zip(replies, pieces, strict=True)]):
        with reply:
            assert bytes(run(reply.complete()).data) == image.read_bytes()[offset : offset + length]
    run(client.disconnect())
    receiving.result()
    client.close()
