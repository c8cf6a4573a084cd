"""A front end on a channel, and qemu-storage-daemon's own vhost-user-blk as the back end."""

import functools
import itertools
import os
import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.channel import ClosedResourceError, SocketChannel

from ...support.programs import require_program
from ...unit.channel.contexts import CONTEXTS, Context
from ...unit.channel.watching import Waits
from .front_end import FrontEnd
from .messages import read_message
from .virtio import SECTOR

SECTORS = 2048


@pytest.fixture
def disk(tmp_path: Path) -> bytes:
    content = random.Random(1).randbytes(SECTORS * SECTOR)
    (tmp_path / "disk").write_bytes(content)
    return content


@pytest.fixture
def front_end(tmp_path: Path, disk: bytes) -> Iterator[FrontEnd]:
    """A front end that is connected to a qemu-storage-daemon, and has said nothing yet."""
    program = require_program("qemu-storage-daemon", "qemu-system-common")
    assert disk
    with socket.socket(socket.AF_UNIX) as listener:
        path = tmp_path / "vhost.sock"
        listener.bind(os.fspath(path))
        listener.listen()
        export = f"type=vhost-user-blk,id=export,node-name=disk,writable=on,addr.type=fd,addr.str={listener.fileno()}"
        blockdev = f"driver=file,node-name=disk,filename={tmp_path / 'disk'}"
        daemon = subprocess.Popen([program, "--blockdev", blockdev, "--export", export], pass_fds=[listener.fileno()])
    near = socket.socket(socket.AF_UNIX)
    try:
        near.connect(os.fspath(path))
        with SocketChannel(near) as channel, FrontEnd(channel) as connected:
            yield connected
    finally:
        daemon.kill()
        daemon.wait()


async def shake_hands(front_end: FrontEnd) -> None:
    await front_end.agree_on_features()
    await front_end.agree_on_protocol_features()
    await front_end.share_memory()
    await front_end.start_vring()


def test_a_disk_is_read_through_a_vring_that_was_agreed_on_over_a_channel(
    front_end: FrontEnd, disk: bytes, context: Context
) -> None:
    async def body() -> None:
        await shake_hands(front_end)
        config = await front_end.read_config()
        assert int.from_bytes(config[:8], "little") == SECTORS
        for sector, count in ((0, 1), (SECTORS - 1, 1), (77, 100)):
            assert await front_end.read_sectors(sector, count) == disk[sector * SECTOR :][: count * SECTOR]
        assert await front_end.stop_vring() == 3

    context.run(body)


def test_each_step_of_the_handshake_may_be_made_in_another_context(front_end: FrontEnd, disk: bytes) -> None:
    places = itertools.cycle(CONTEXTS)
    offered = next(places).run(front_end.agree_on_features)
    assert next(places).run(front_end.agree_on_features) == offered
    next(places).run(front_end.agree_on_protocol_features)
    next(places).run(front_end.share_memory)
    next(places).run(front_end.start_vring)
    for sector in range(3 * len(CONTEXTS)):
        data = next(places).run(functools.partial(front_end.read_sectors, sector, 1))
        assert data == disk[sector * SECTOR :][:SECTOR]
        assert len(next(places).run(front_end.read_config)) == 60


def test_closing_ends_the_wait_for_a_back_end_that_has_nothing_to_say(
    front_end: FrontEnd, context: Context, waits: Waits
) -> None:
    waiting = context.start(lambda: read_message(front_end.channel))
    waits.next()
    front_end.channel.close()
    assert isinstance(waiting.fault(), ClosedResourceError)
