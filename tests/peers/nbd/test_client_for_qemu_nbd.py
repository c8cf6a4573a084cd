"""The NBD client against qemu-nbd: replies read in one context, requests written in all of them at once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from prhelper.channel import BrokenResourceError, ClosedResourceError, EndOfStream, IncompleteRead, SocketChannel, run

from ...channel.contexts import ASYNCIO, THREAD, TRIO, Context
from .client import Client, Extent
from .client_handshake import OptionRefusedError, negotiate
from .conftest import SIZE
from .exercise import exercise
from .link import Link
from .programs import qemu_nbd
from .wire import Command, OptionReply, TransmissionFlag

MIB = 1 << 20
GONE = (BrokenResourceError, EndOfStream, IncompleteRead)
"""What a server's death looks like, depending on what was under way."""

READERS = pytest.mark.parametrize("reader", [ASYNCIO, TRIO, THREAD], ids=repr)


class Service(NamedTuple):
    """Where qemu-nbd listens, and how to talk to it."""

    path: Path
    link: Link


async def connect(nbd: Service, export: str = "") -> Client:
    return await negotiate(await SocketChannel.connect(nbd.path), export, nbd.link.secure_client)


@contextlib.contextmanager
def connected(nbd: Service, reader: Context) -> Iterator[Client]:
    """A client whose replies are read in `reader`, and which takes its leave in the end."""
    client = run(connect(nbd))
    receiving = reader.start(client.receive_replies)
    try:
        yield client
        run(client.disconnect())
        receiving.result()
    finally:
        client.close()


@pytest.fixture
def nbd(image: Path, link: Link) -> Iterator[Service]:
    with qemu_nbd(image, link.qemu_server()) as (_, path):
        yield Service(path, link)


@READERS
def test_what_is_read_is_what_the_image_holds(nbd: Service, image: Path, reader: Context) -> None:
    with connected(nbd, reader) as client:
        assert client.size == SIZE
        assert TransmissionFlag.SEND_FLUSH in client.flags
        assert run(client.read(0, SIZE)) == image.read_bytes()
        assert run(client.read(2 * MIB - 3, 1025)) == image.read_bytes()[2 * MIB - 3 :][:1025]


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


@READERS
def test_block_status_tells_holes_from_data(nbd: Service, reader: Context) -> None:
    with connected(nbd, reader) as client:
        extents = run(client.block_status(0, SIZE))
        assert extents == [Extent(2 * MIB, 3), Extent(MIB, 0), Extent(5 * MIB, 3)]
        run(client.command(Command.TRIM, 2 * MIB, MIB))
        assert run(client.block_status(0, SIZE)) == [Extent(SIZE, 3)]


@READERS
def test_the_server_s_errors_reach_the_request_that_made_them_and_no_other(nbd: Service, reader: Context) -> None:
    with connected(nbd, reader) as client:
        for failing in client.read(SIZE, 512), client.write(SIZE - 1, b"two"), client.block_status(SIZE, 512):
            with pytest.raises(OSError, match=r"EOF|size|bounds"):
                run(failing)
        assert run(client.read(SIZE - 512, 512)) == bytes(512)


def test_a_read_only_export_says_so_and_refuses_writes(image: Path) -> None:
    with (
        qemu_nbd(image, ["--read-only"]) as (_, path),
        connected(Service(path, Link(None)), TRIO) as client,
    ):
        assert TransmissionFlag.READ_ONLY in client.flags
        with pytest.raises(OSError, match="read-only"):
            run(client.write(0, b"no"))


def test_an_export_of_another_name_is_unknown(nbd: Service) -> None:
    with pytest.raises(OptionRefusedError) as refused:
        run(connect(nbd, "another"))
    assert refused.value.reply == OptionReply.ERR_UNKNOWN


@READERS
def test_a_server_that_is_killed_fails_all_that_is_pending_and_all_that_comes_later(
    image: Path, link: Link, reader: Context
) -> None:
    with qemu_nbd(image, link.qemu_server()) as (process, path):
        client = run(connect(Service(path, link)))
        replies = [run(client.send(Command.READ, 0, 4 * MIB, room=4 * MIB)) for _ in range(3)]
        process.kill()
        receiving = reader.start(client.receive_replies)
        for reply in replies:
            with reply, pytest.raises(GONE):
                run(reply.complete())
        receiving.fault()
        with pytest.raises(GONE):
            run(client.read(0, 1))
        client.close()


@READERS
def test_closing_the_client_fails_what_is_pending(nbd: Service, reader: Context) -> None:
    client = run(connect(nbd))
    receiving = reader.start(client.receive_replies)
    client.close()
    assert isinstance(receiving.fault(), ClosedResourceError)
    with pytest.raises(ClosedResourceError):
        run(client.read(0, 1))
