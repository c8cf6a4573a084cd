"""Connections of another process that the server is given: it serves them or hangs up, with all that came along."""

from __future__ import annotations

import os
import socket

import pytest

from prhelper.channel import OwnedFd, SocketChannel
from prhelper.handover.message import Connection
from prhelper.serving.clients import Client
from prhelper.serving.end import AtRest

from ...support.helper import wait_until
from ...support.spc import keys, reserve_out
from .running import MAX_CLIENTS, Running

BEGUN = reserve_out(0)[:9]


def take_over(running: Running, account: str, device: OwnedFd | None = None) -> tuple[bool, socket.socket]:
    """Give the server a connection, in whose request BEGUN has been read if there is a device."""
    theirs, ours = socket.socketpair()
    begun = BEGUN if device else b""
    said = Connection(1, 0, 5.0, 0, begun, device is not None, None, os.getpid(), os.getuid(), 1, "former", account)
    return running.portal.call(running.server.take_over, SocketChannel(ours), said, device), theirs


def test_request_that_was_begun_is_completed_with_its_descriptor(running: Running) -> None:
    taken, client = take_over(running, "one", OwnedFd(os.open("/dev/null", os.O_RDWR)))
    assert taken
    client.sendall(reserve_out(0)[9:] + keys(1, 2))
    assert client.recv(4096)[104:] == reserve_out(0)
    client.close()


def test_descriptor_of_one_that_finds_no_place_is_closed(running: Running) -> None:
    running.server.clients.total = 0
    reading, writing = os.pipe()
    taken, client = take_over(running, "one", OwnedFd(writing))
    assert not taken
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert client.recv(1) == b""
    client.close()


def test_connection_whose_process_has_ended_counts_for_its_account_as_before(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SocketChannel, "peer_has_ended", lambda _: True)
    taken = [take_over(running, account) for account in ("one", "one", "one", "other")]
    assert [served for served, _ in taken] == [True] * (MAX_CLIENTS // 2) + [False, True]
    assert {peer.account for peer, _ in running.device.peers} == {"one", "other"}
    for _, client in taken:
        client.close()


def test_client_that_hangs_up_while_others_are_handed_over_is_not_handed_over(running: Running) -> None:
    parted: list[tuple[Client, AtRest]] = []
    running.server.parted = lambda client, rest: parted.append((client, rest))
    with running.connect() as client:
        running.ask(client)
    wait_until(lambda: running.server.status().startswith("0 clients"))
    assert parted == []
    running.server.parted = None
