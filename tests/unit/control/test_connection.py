"""A connection to the control socket: for how long it is waited for, and that the encoding of much gives way."""

import socket

import anyio
import pytest

from prhelper.channel import SocketChannel
from prhelper.control import connection
from prhelper.control.connection import Connection
from prhelper.control.methods import _AT_ONCE, _encode


def test_only_who_watches_may_be_silent_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE", 0.0)
    ours, theirs = socket.socketpair()

    async def wait() -> None:
        with SocketChannel(ours) as channel:
            with pytest.raises(TimeoutError):
                await Connection(channel).wait()
            with anyio.move_on_after(0.05) as scope:
                await Connection(channel).wait(for_ever=True)
            assert scope.cancelled_caught

    with theirs:
        anyio.run(wait)


def test_encoding_many_gives_way_to_others_in_between() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async def encode() -> None:
        async with anyio.create_task_group() as both:
            both.start_soon(others)
            await anyio.lowlevel.checkpoint()
            before = turns
            assert len(await _encode({} for _ in range(4 * _AT_ONCE))) == 4 * _AT_ONCE
            assert turns - before >= 4
            both.cancel_scope.cancel()

    anyio.run(encode)
