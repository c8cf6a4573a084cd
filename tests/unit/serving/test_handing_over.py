"""Clients go from one server to another through a mailbox, and what is not understood is hung up on."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from prhelper.handover import mailbox
from prhelper.handover.message import Connection
from prhelper.serving import handing_over as module
from prhelper.serving.handing_over import HandingOver, take_over

from ...support.helper import wait_until
from ...support.spc import GOOD, keys, reserve_in, reserve_out
from .running import Ends, Running, beside_others


@pytest.fixture
def next_server(running: Running, tmp_path: Path) -> Iterator[Running]:
    """The server that takes over; it is drained by itself, and `running` has nothing to drain then."""
    following = Running(tmp_path / "next", running.portal)
    yield following
    following.close()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> list[str]:
    """`lines`, and what is logged of the handover."""
    from prhelper.serving import server

    monkeypatch.setattr(module, "_log", server._log)
    return lines


def hand_over(running: Running, put: module.Put, timeout: float = 10.0) -> tuple[HandingOver, list[str]]:
    running.stop_accepting()

    async def all_of_it() -> tuple[HandingOver, list[str]]:
        handing_over = HandingOver(running.server, put)
        return handing_over, await handing_over.run(running.listener, timeout)

    return running.portal.call(all_of_it)


def into(ends: Ends) -> module.Put:
    async def put(data: bytes, fds: Sequence[int]) -> None:
        assert mailbox.put(ends[0], data, fds)

    return put


def take(portal: BlockingPortal, server: Running, ends: Ends) -> int:
    ends[0].close()
    return portal.call(take_over, server.server, ends[1])


def test_clients_go_on_with_their_numbers_counts_and_requests(
    running: Running, next_server: Running, ends: Ends
) -> None:
    with running.connect() as one, running.connect() as other, Path("/dev/null").open("r+b") as null:
        for _ in range(2):
            running.ask(one)
        running.ask(other)
        other.send(reserve_out(0)[:9], [null.fileno()])
        handing_over, left = hand_over(running, into(ends))
        assert (handing_over.count, left) == (2, [])
        assert take(running.portal, next_server, ends) == 2
        assert sorted(next_server.device.peers) == sorted(running.device.peers)
        assert next_server.server.status() == "2 clients, 3 commands done"
        other.send(reserve_out(0)[9:] + keys(1, 2))
        assert other.reply().status == GOOD
        assert running.ask(one) == reserve_in(0)
        assert next_server.server.status() == "2 clients, 5 commands done"
    next_server.accept()


def test_others_have_their_turn_between_two_messages_with_clients(
    running: Running, next_server: Running, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FDS", 1)
    handing_over = HandingOver(running.server, into(ends))
    with running.connect() as one, running.connect() as other:
        for client in (one, other):
            running.ask(client)
        running.stop_accepting()
        run = partial(handing_over.run, running.listener)
        _, seen = running.portal.call(beside_others, run, lambda: handing_over.count)
        assert {0, 1} <= seen
        assert take(running.portal, next_server, ends) == 2
    next_server.accept()


def test_client_that_has_no_place_is_hung_up_on_and_named_and_not_counted(
    running: Running, next_server: Running, ends: Ends, said: list[str]
) -> None:
    next_server.server.clients.total = 1
    with running.connect() as one, running.connect() as other:
        for client in (one, other):
            running.ask(client)
        handing_over, _ = hand_over(running, into(ends))
        assert handing_over.count == 2
        assert take(running.portal, next_server, ends) == 1
        hung_up, _, _ = select.select([one.socket, other.socket], [], [], 20)
        turned_away, kept = (one, other) if one.socket in hung_up else (other, one)  # they come in any order
        assert turned_away.hung_up()
        assert running.ask(kept)
    assert any("was turned away" in line for line in said)
    next_server.accept()


def test_client_in_a_command_is_handed_over_after_its_answer_and_the_stuck_one_remains(
    running: Running, next_server: Running, ends: Ends
) -> None:
    with running.connect() as one, running.connect() as other, Path("/dev/null").open("rb") as null:
        running.ask(other)
        running.device.held = True
        one.send(reserve_in(0), [null.fileno()])
        assert running.device.entered.wait(10)
        _, left = hand_over(running, into(ends))
        assert len(left) == 1
        assert "PERSISTENT RESERVE IN READ KEYS" in left[0]
        assert take(running.portal, next_server, ends) == 1
        assert running.ask(other) == reserve_in(0)
        running.server.parted = None  # else it would wait for a process that does not go
        running.device.let_go.set()
        assert one.reply().status == GOOD
        assert one.hung_up()


def test_commands_in_flight_are_waited_for_and_later_ones_are_not(running: Running, ends: Ends) -> None:
    with running.connect() as one, running.connect() as other, Path("/dev/null").open("rb") as null:
        running.device.held = True
        one.send(reserve_in(0), [null.fileno()])
        assert running.device.entered.wait(10)
        handing_over = HandingOver(running.server, into(ends))
        assert len(handing_over.unfinished()) == 1
        running.portal.call(handing_over.finish_begun, 0.0)
        running.device.held = False
        running.ask(other)
        waiting = running.portal.start_task_soon(handing_over.finish_begun, 20.0)
        running.device.let_go.set()
        waiting.result(20)
        assert handing_over.unfinished() == []
        assert one.reply().status == GOOD


@pytest.mark.parametrize("begun", [b"", reserve_out(0)[:9]])
def test_client_that_cannot_be_handed_over_is_hung_up_on_and_named(
    running: Running, said: list[str], begun: bytes
) -> None:
    async def refuse(_data: bytes, _fds: Sequence[int]) -> None:
        raise OSError(errno.ETOOMANYREFS, "Too many references")

    with running.connect() as client:
        running.ask(client)
        if begun:
            client.send(begun, [client.socket.fileno()])
            (record,) = running.server.clients
            wait_until(lambda: not record.channel.unread(), what="the server to have read it")
        handing_over, left = hand_over(running, refuse)
        assert (handing_over.count, left) == (0, [])
        assert client.hung_up()
    assert f"pid {os.getpid()}" in said[-1]
    assert "cannot be handed over to the next prhelper: Too many references; hung up" in said[-1]
    running.server.parted = None


def connection(**changed: object) -> dict[str, object]:
    known = Connection(1, 0, 5.0, 0, b"", False, None, os.getpid(), os.getuid(), 0, "", "here")
    return known._asdict() | {"begun": ""} | changed


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another version": ({"prhelper_handover": 2}, "version 2 of the format"),
    "a descriptor missing": ({"connections": [connection(device=True)]}, "descriptors did not arrive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_hung_up_on_and_said(
    running: Running, ends: Ends, said: list[str], name: str
) -> None:
    changed, reason = REFUSED[name]
    message = {"prhelper_handover": 1, "accepted": 1, "answered": 0, "connections": [connection()]} | changed
    ours, theirs = socket.socketpair()
    assert mailbox.put(ends[0], json.dumps(message).encode(), [ours.fileno()])
    ours.close()
    assert take(running.portal, running, ends) == 0
    assert theirs.recv(1) == b""
    theirs.close()
    assert reason in said[-1]


def test_request_that_cannot_have_been_begun_is_hung_up_on(running: Running, ends: Ends, said: list[str]) -> None:
    with ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        connections = [connection(agreed=1)]
        message = {"prhelper_handover": 1, "accepted": 1, "answered": 0, "connections": connections}
        assert mailbox.put(ends[0], json.dumps(message).encode(), [ours.fileno()])
        ours.close()
        assert take(running.portal, running, ends) == 1
        assert theirs.recv(1) == b""
    wait_until(lambda: said, what="a line in the log")
    assert "features 0x1" in said[-1]


def test_others_have_their_turn_between_two_clients_in_one_message(running: Running, ends: Ends) -> None:
    message = {"prhelper_handover": 1, "accepted": 2, "answered": 0, "connections": [connection(), connection()]}
    with ExitStack() as stack:
        pairs = [tuple(map(stack.enter_context, socket.socketpair())) for _ in range(2)]
        assert mailbox.put(ends[0], json.dumps(message).encode(), [ours.fileno() for ours, _ in pairs])
        taking = partial(take_over, running.server, ends[1])
        count, seen = running.portal.call(beside_others, taking, lambda: len(running.server.clients))
    assert count == 2
    assert 1 in seen


def test_mailbox_that_is_still_open_elsewhere_is_left_when_it_is_empty(running: Running, ends: Ends) -> None:
    assert running.portal.call(take_over, running.server, ends[1]) == 0


def test_mailbox_that_is_none_is_an_error_and_nothing_else(running: Running, said: list[str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        assert running.portal.call(take_over, running.server, sock) == 0
    assert "cannot take over" in said[-1]
