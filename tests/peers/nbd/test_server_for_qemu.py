"""The NBD server against qemu-io and qemu-img: requests read in one context, answered in all of them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...channel.contexts import ASYNCIO, THREAD, TRIO, Context, Running
from .conftest import SIZE
from .programs import QemuIo, qemu_img, qemu_io
from .server_handshake import Export, Secure
from .serving import Server

MIB = 1 << 20
READERS = pytest.mark.parametrize("reader", [ASYNCIO, TRIO, THREAD], ids=repr)


@contextlib.contextmanager
def serving(image: Path, *readers: Context, secure: Secure | None = None) -> Iterator[Server]:
    """A server of `image` that reads in one context at a time and answers in all."""
    with image.open("r+b", buffering=0) as file:
        export = Export("disk", file.fileno(), SIZE)
        with Server(image.with_suffix(".sock"), export, readers, [ASYNCIO, TRIO, THREAD], secure) as server:
            yield server


def uri(image: Path) -> str:
    return f"nbd+unix:///disk?socket={image.with_suffix('.sock')}"


@READERS
def test_qemu_io_reads_back_the_patterns_that_it_wrote_and_so_does_the_next_one(image: Path, reader: Context) -> None:
    with serving(image, reader) as server:
        raw = ["-f", "raw", uri(image)]
        qemu_io(
            "write -P 0x5a 0 1M",
            "write -f -P 0xa5 3M 64k",
            "write -z 2M 512k",
            "discard 5M 1M",
            "read -P 0x5a 0 1M",
            "flush",
            options=raw,
        )
        qemu_io("read -P 0x5a 0 1M", "read -P 0xa5 3M 64k", "read -P 0 1M 1M", "read -P 0 2M 512k", options=raw)
        assert server.connections == 2
    wanted = bytearray(SIZE)
    wanted[:MIB] = b"\x5a" * MIB
    wanted[2 * MIB + 512 * 1024 : 3 * MIB] = bytes(range(256)) * 2048
    wanted[3 * MIB : 3 * MIB + 65536] = b"\xa5" * 65536
    assert image.read_bytes() == wanted


@READERS
def test_requests_under_way_at_once_are_answered_in_any_order_and_right(image: Path, reader: Context) -> None:
    pieces = [(number, number * 200_192) for number in range(40)]  # 391 sectors: no piece of ours ends with theirs
    with serving(image, reader):
        writes = [f"aio_write -q -P {number + 1} {offset} 200192" for number, offset in pieces]
        reads = [f"aio_read -q -P {number + 1} {offset} 200192" for number, offset in pieces]
        qemu_io(*writes, "aio_flush", *reads, "aio_flush", options=["-f", "raw", uri(image)])
        qemu_img("bench", "-f", "raw", "-w", "-c", "400", "-d", "16", "--pattern=7", "-s", "4096", uri(image))
    content = image.read_bytes()
    assert content[: 400 * 4096] == b"\x07" * (400 * 4096)
    for number, offset in pieces[9:]:
        assert content[offset : offset + 200_192] == bytes([number + 1]) * 200_192


def test_the_reader_may_move_between_contexts_while_requests_are_under_way(image: Path) -> None:
    with serving(image, ASYNCIO, TRIO, THREAD) as server:
        bench = ["bench", "-f", "raw", "-w", "-c", "1000", "-d", "16", "--pattern=9", "-s", "8192", uri(image)]
        benching = Running(lambda: qemu_img(*bench))
        while not benching.ends_within(0.002):
            server.move_readers()
        benching.result()
        assert server.moves >= 3
        qemu_io("read -P 9 0 8192000", options=["-f", "raw", uri(image)])


@READERS
def test_qemu_img_makes_checks_copies_and_compares_a_qcow2_image(image: Path, tmp_path: Path, reader: Context) -> None:
    source = tmp_path / "source.raw"
    source.write_bytes(os.urandom(MIB) + bytes(MIB) + os.urandom(MIB))
    with serving(image, reader) as server:
        qemu_img("create", "-f", "qcow2", uri(image), "6M")
        qemu_img("convert", "-n", "-f", "raw", "-O", "qcow2", str(source), uri(image))
        assert "No errors were found" in qemu_img("check", "-f", "qcow2", uri(image))
        qemu_io("write -P 0x11 4M 128k", "read -P 0x11 4M 128k", options=["-f", "qcow2", uri(image)])
        qemu_io("read -P 0x11 4M 128k", "write -z 4M 128k", options=["-f", "qcow2", uri(image)])
        compared = qemu_img("compare", "-f", "raw", "-F", "qcow2", str(source), uri(image))
        assert "Images are identical" in compared
        qemu_img("convert", "-f", "qcow2", "-O", "raw", uri(image), str(tmp_path / "copy.raw"))
        assert server.connections >= 7
    assert (tmp_path / "copy.raw").read_bytes()[: 3 * MIB] == source.read_bytes()


@READERS
def test_a_client_that_is_dropped_comes_back_and_asks_again(image: Path, reader: Context) -> None:
    """qemu-io holds sixteen requests in flight while its connection is closed under it, ten times over."""
    rounds = 10
    options = f"driver=nbd,server.type=unix,server.path={image.with_suffix('.sock')},export=disk,reconnect-delay=30"
    with serving(image, reader) as server, QemuIo(["--image-opts", options]) as client:
        for number in range(1, rounds + 1):
            for place in range(16):
                client.command(f"aio_write -q -P {number} {place * 400_384} 400384")
            server.drop_clients()
            client.command("aio_flush")
            client.command(f"read -q -P {number} 0 {16 * 400_384}")
        assert client.end() == ""
        assert server.connections == rounds + 1
    assert image.read_bytes()[: 16 * 400_384] == bytes([rounds]) * 16 * 400_384
