"""A qemu-nbd that listens, and how a client of ours gets to it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from prhelper.channel import SocketChannel, run

from ...unit.channel.contexts import ASYNCIO, THREAD, TRIO, Context
from .client import Client
from .client_handshake import negotiate
from .link import Link

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
