"""The NBD client against qemu-nbd: data, errors and partings, with the replies read in each context."""

from pathlib import Path

import pytest

from prhelper.channel import (
    BrokenResourceError,
    ClosedResourceError,
    EndOfStream,
    IncompleteRead,
    run,
)

from ...unit.channel.contexts import TRIO, Context
from .client import Extent
from .client_handshake import OptionRefusedError
from .conftest import SIZE
from .link import Link
from .programs import qemu_nbd
from .service import READERS, Service, connect, connected
from .wire import Command, OptionReply, TransmissionFlag

MIB = 1 << 20

GONE = (BrokenResourceError, EndOfStream, IncompleteRead)
"""What a server's death looks like, depending on what was under way."""


@READERS
def test_what_is_read_is_what_the_image_holds(nbd: Service, image: Path, reader: Context) -> None:
    with connected(nbd, reader) as client:
        assert client.size == SIZE
        assert TransmissionFlag.SEND_FLUSH in client.flags
        assert run(client.read(0, SIZE)) == image.read_bytes()
        assert run(client.read(2 * MIB - 3, 1025)) == image.read_bytes()[2 * MIB - 3 :][:1025]


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
    # No holes, which cost no bytes: a reply is to be longer than what the socket holds, with QEMU 11.1 megabytes.
    image.write_bytes(b"x" * SIZE)
    with qemu_nbd(image, link.qemu_server()) as (process, path):
        client = run(connect(Service(path, link)))
        replies = [run(client.send(Command.READ, 0, SIZE, room=SIZE)) for _ in range(3)]
        process.kill()
        process.wait()  # while it is being killed, it goes on writing if somebody reads
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
