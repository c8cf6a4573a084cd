"""Clients that come later, while the kernel has no room to watch where they come from."""

from __future__ import annotations

import errno
import socket

import anyio
import pytest

from prhelper.handover import mailbox
from prhelper.replacing.latecomers import Latecomers

from ..serving.running import Running


def test_mailbox_that_the_kernel_cannot_watch_is_looked_into_all_the_same(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving, taking = mailbox.pair()

    async def refuse(watched: socket.socket | int) -> None:
        if watched in (taking, taking.fileno()):
            giving.close()
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(anyio, "wait_readable", refuse)
    monkeypatch.setattr("prhelper.serving.server._PAUSE", 0.001)
    latecomers = Latecomers(running.server)
    latecomers.expect([taking])
    anyio.run(latecomers.serve)
    assert taking.fileno() == -1
