"""What a former process said of a client: who it is, and how long it may still take."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from prhelper.channel import SocketChannel
from prhelper.handover.message import Connection
from prhelper.host.peer import Peer
from prhelper.serving.former import Former


@pytest.fixture
def channel() -> Iterator[SocketChannel]:
    ours, theirs = socket.socketpair()
    with SocketChannel(ours) as channel, theirs:
        yield channel


def peer_of_former(channel: SocketChannel, now: Peer | None, pid: int = os.getpid(), uid: int = os.getuid()) -> Peer:
    said = Connection(1, 0, 5.0, 0, b"", False, None, pid, uid, 7, "old", "old.scope")

    def peer_of(_: SocketChannel) -> Peer:
        if now is None:
            raise ProcessLookupError
        return now

    return Former(said, None).peer(channel, peer_of)


def test_kernel_is_asked_again(channel: SocketChannel) -> None:
    now = Peer(os.getpid(), os.getuid(), "new", "new.scope", 7)
    assert peer_of_former(channel, now) == now


@pytest.mark.parametrize("ended", [None, Peer(os.getpid(), os.getuid(), "another", "its.scope", 8)])
def test_process_that_has_ended_counts_as_before(channel: SocketChannel, ended: Peer | None) -> None:
    assert peer_of_former(channel, ended) == Peer(os.getpid(), os.getuid(), "old", "old.scope", 7)


def test_word_of_another_process_is_not_believed(channel: SocketChannel) -> None:
    with pytest.raises(ProcessLookupError):
        peer_of_former(channel, None, pid=1)
    now = Peer(os.getpid(), os.getuid(), "new", "new.scope", 9)
    assert peer_of_former(channel, now, uid=4711) == now


@pytest.mark.parametrize(
    ("agreed", "begun", "deadline", "later"),
    [(0, b"", None, None), (0, b"x", 5.0, 5.0), (None, b"", 5.0, 5.0), (0, b"x", 1000.0, 10.0), (0, b"x", None, 10.0)],
)
def test_client_gains_no_time(agreed: int | None, begun: bytes, deadline: float | None, later: float | None) -> None:
    now = time.monotonic()
    said = Connection(1, 0, 5.0, agreed, begun, False, deadline and now + deadline, 1, 1, 1, "", "")
    rest = Former(said, None).rest(10.0)
    if later is None:
        assert rest.deadline is None
    else:
        assert rest.deadline is not None
        assert now + later <= rest.deadline <= time.monotonic() + later
