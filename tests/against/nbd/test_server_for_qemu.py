"""The NBD server against qemu-io and qemu-img: requests read in one context, answered in all of them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...unit.channel.contexts import ASYNCIO, THREAD, TRIO, Context, Running
from ..credentials import Credentials
from .conftest import SIZE
from .link import Link
from .programs import QemuIo, qemu_img, qemu_io
from .server_handshake import Export
from .serving import Server

MIB = 1 << 20
READERS = pytest.mark.parametrize("reader", [ASYNCIO, TRIO, THREAD], ids=repr)


@contextlib.contextmanager
def serving(image: Path, link: Link, *readers: Context) -> Iterator[Server]:
    """A server of `image` that reads in one context at a time and answers in all."""
    with image.open("r+b", buffering=0) as file:
        export = Export("disk", file.fileno(), SIZE)
        with Server(image.with_suffix(".sock"), export, readers, [ASYNCIO, TRIO, THREAD], link.secure_server) as server:
            yield server


def where(image: Path) -> Path:
    return image.with_suffix(".sock")


def uri(image: Path) -> str:
    return f"nbd+unix:///disk?socket={where(image)}"


@READERS
def test_qemu_io_reads_back_the_patterns_that_it_wrote_and_so_does_the_next_one(
    image: Path, link: Link, reader: Context
) -> None:
    disk = link.qemu_client(where(image))
    with serving(image, link, reader) as server:
        qemu_io(
            "write -P 0x5a 0 1M",
            "write -f -P 0xa5 3M 64k",
            "write -z 2M 512k",
            "discard 5M 1M",
            "read -P 0x5a 0 1M",
            "flush",
            options=disk,
        )
        qemu_io("read -P 0x5a 0 1M", "read -P 0xa5 3M 64k", "read -P 0 1M 1M", "read -P 0 2M 512k", options=disk)
        assert server.connections == 2
    wanted = bytearray(SIZE)
    wanted[:MIB] = b"\x5a" * MIB
    wanted[2 * MIB + 512 * 1024 : 3 * MIB] = bytes(range(256)) * 2048
    wanted[3 * MIB : 3 * MIB + 65536] = b"\xa5" * 65536
    assert image.read_bytes() == wanted


@READERS
def test_requests_under_way_at_once_are_answered_in_any_order_and_right(
    image: Path, link: Link, reader: Context
) -> None:
    pieces = [(number, number * 200_192) for number in range(40)]  # 391 sectors: no piece of ours ends with theirs
    writes = [f"aio_write -q -P {number + 1} {offset} 200192" for number, offset in pieces]
    reads = [f"aio_read -q -P {number + 1} {offset} 200192" for number, offset in pieces]
    with serving(image, link, reader):
        qemu_io(*writes, "aio_flush", *reads, "aio_flush", options=link.qemu_client(where(image)))
    content = image.read_bytes()
    for number, offset in pieces:
        assert content[offset : offset + 200_192] == bytes([number + 1]) * 200_192


def test_the_reader_may_move_between_contexts_while_requests_are_under_way(image: Path, link: Link) -> None:
    writes = [f"aio_write -q -P {number % 251} {number * 8192} 8192" for number in range(1000)]
    reads = [f"aio_read -q -P {number % 251} {number * 8192} 8192" for number in range(1000)]
    with serving(image, link, ASYNCIO, TRIO, THREAD) as server:
        exercise = [*writes, "aio_flush", *reads, "aio_flush"]
        exercising = Running(lambda: qemu_io(*exercise, options=link.qemu_client(where(image))))
        while not exercising.ends_within(0.002):
            server.move_readers()
        exercising.result()
        assert server.moves >= 3
    assert image.read_bytes()[:8192000] == b"".join(bytes([number % 251]) * 8192 for number in range(1000))


@READERS
def test_qemu_img_checks_copies_and_compares_the_qcow2_image_that_it_made(
    image: Path, link: Link, tmp_path: Path, reader: Context
) -> None:
    source, copy = tmp_path / "source.raw", tmp_path / "copy.raw"
    source.write_bytes(os.urandom(MIB) + bytes(MIB) + os.urandom(MIB))
    *credentials, _, disk = qcow2 = link.qemu_client(where(image), "qcow2")
    with serving(image, Link(None), reader):  # qemu-img create knows no credentials
        qemu_img("create", "-f", "qcow2", uri(image), "6M")
    with serving(image, link, reader) as server:
        qemu_img("convert", *credentials, "-n", "--target-image-opts", "-f", "raw", str(source), disk)
        assert "No errors were found" in qemu_img("check", *qcow2)
        qemu_io("write -P 0x11 4M 128k", "read -P 0x11 4M 128k", options=qcow2)
        qemu_io("read -P 0x11 4M 128k", "write -z 4M 128k", options=qcow2)
        qemu_img("convert", *qcow2, "-O", "raw", str(copy))
        compared = qemu_img("compare", *qcow2, f"driver=raw,file.driver=file,file.filename={source}")
        assert "Images are identical" in compared
        assert server.connections >= 6
    assert copy.read_bytes()[: 3 * MIB] == source.read_bytes()


@READERS
def test_a_client_that_is_dropped_comes_back_and_asks_again(image: Path, link: Link, reader: Context) -> None:
    """qemu-io holds sixteen requests in flight while its connection is cut off under it, ten times over."""
    rounds = 10
    disk = link.qemu_client(where(image), reconnect_delay=30)
    with serving(image, link, reader) as server, QemuIo(disk) as client:
        for number in range(1, rounds + 1):
            for place in range(16):
                client.command(f"aio_write -q -P {number} {place * 400_384} 400384")
            server.drop_clients()
            client.command("aio_flush")
            client.command(f"read -q -P {number} 0 {16 * 400_384}")
        assert client.end() == ""
        assert server.connections == rounds + 1
    assert image.read_bytes()[: 16 * 400_384] == bytes([rounds]) * 16 * 400_384


def test_a_client_without_tls_gets_nothing_from_a_server_that_demands_it(
    image: Path, certificates: Credentials
) -> None:
    with serving(image, Link(certificates), TRIO):
        with pytest.raises(AssertionError, match="TLS"):
            qemu_io("read 0 512", options=Link(None).qemu_client(where(image)))
        qemu_io("read 0 512", options=Link(certificates).qemu_client(where(image)))
