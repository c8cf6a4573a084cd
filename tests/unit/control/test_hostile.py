"""What a hostile process can do to the control socket: cost itself its connection."""

from __future__ import annotations

import array
import contextlib
import itertools
import logging
import os
import socket
import time

import pytest

from prhelper.channel import SocketChannel
from prhelper.control import connection, server
from prhelper.control.messages import MAX_CALL
from prhelper.serving import watching

from ...support.helper import wait_until
from ...support.lingering import socket_that_blocks_when_closed
from ...support.varlink import CONTROL, CalledInVainError, HungUpError, Varlink
from .running import Controlled, check_served, remember


@pytest.mark.parametrize("data", [b"rubbish\0", b"[1]\0", b"x" * MAX_CALL, b"[" * 5000 + b"\0"])
def test_what_is_no_call_ends_the_connection_and_no_other(controlled: Controlled, peer: Varlink, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        peer.socket.sendall(data)
    with pytest.raises(HungUpError):
        peer.reply()
    check_served(controlled)


@pytest.mark.parametrize("pattern", ["[a-" * 20000, "?*" * 30000, "prh_*" + "*_*" * 20])
def test_pattern_that_would_take_minutes_to_match_is_refused_at_once(peer: Varlink, pattern: str) -> None:
    with pytest.raises(CalledInVainError) as caught:
        peer.call("SetTraceEvents", patterns=[pattern])
    assert caught.value.parameters == {"parameter": "patterns"}


def test_half_a_call_ends_the_connection_in_time(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "IDLE", 0.1)
    check_served(controlled)
    with controlled.connect() as half:
        half.socket.sendall(b'{"method":')
        with pytest.raises(HungUpError):
            half.reply()
    assert "hung up on a process that was silent for too long, or did not read" in caplog.text
    check_served(controlled)


@pytest.mark.parametrize("call", [b'{"method":"org.varlink.service.GetInfo"}\0', b"{"])
def test_descriptors_are_refused_and_their_close_holds_up_nothing(
    controlled: Controlled, peer: Varlink, call: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket_that_blocks_when_closed() as lingering:
        rights = array.array("i", [lingering.fileno()])
        peer.socket.sendmsg([call], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        lingering.close()
        with pytest.raises(HungUpError):
            peer.reply()
        assert "hung up on a process that passed a descriptor" in caplog.text
        check_served(controlled)


def test_root_has_places_that_another_user_has_not(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    users = iter([4711] * (server.MAX_CONNECTIONS // 2 + 1) + [0])
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(SocketChannel, "peer_credentials", lambda _: (1, next(users), 0))
    *ours, one_too_many = [controlled.connect() for _ in range(server.MAX_CONNECTIONS // 2 + 1)]
    with pytest.raises((HungUpError, BrokenPipeError)):
        one_too_many.call("GetStatus")
    for peer in ours:
        assert peer.call("GetStatus")
    check_served(controlled)
    for peer in (*ours, one_too_many):
        peer.close()


def test_at_the_limit_one_more_is_turned_away_until_one_leaves(controlled: Controlled) -> None:
    peers = [controlled.connect() for _ in range(server.MAX_CONNECTIONS)]
    for peer in peers:
        assert peer.call("GetStatus")
    with controlled.connect() as one_too_many, pytest.raises((HungUpError, BrokenPipeError)):
        one_too_many.call("GetStatus")
    for peer in peers:
        peer.close()

    def is_served() -> bool:
        try:
            check_served(controlled)
        except (HungUpError, BrokenPipeError):
            return False
        return True

    wait_until(is_served)


def test_other_users_are_turned_away(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SocketChannel, "peer_credentials", lambda _: (1, os.geteuid() + 4711, 0))
    with controlled.connect() as peer, pytest.raises((HungUpError, BrokenPipeError)):
        peer.call("GetStatus")


def remember_many(controlled: Controlled) -> None:
    for _ in range(20):
        remember(controlled)


def test_a_reader_that_stops_is_dropped_and_told(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MAX_WAITING", 100)
    with controlled.running.connect() as client, controlled.connect() as slow:
        controlled.running.ask(client)
        slow.send("WatchReservations", more=True)
        assert slow.reply() == {"ready": True}
        (watch,) = controlled.clients.seen.watchers.all

        def has_lost() -> bool:
            remember_many(controlled)
            return watch.lost > 10

        wait_until(has_lost, timeout=30)
        check_served(controlled)
        for _ in range(101):
            assert slow.reply()["event"]
        with pytest.raises(CalledInVainError) as caught:
            all(slow.reply() for _ in itertools.count())
        assert (caught.value.name, caught.value.parameters) == (f"{CONTROL}.TooSlow", {"lost": watch.lost})
        with pytest.raises(HungUpError):
            slow.reply()


def test_a_reader_that_never_goes_on_is_dropped(controlled: Controlled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.1)
    with controlled.running.connect() as client, controlled.connect() as slow:
        controlled.running.ask(client)
        slow.send("WatchReservations", more=True)
        assert slow.reply() == {"ready": True}

        def is_dropped() -> bool:
            remember_many(controlled)
            return not controlled.clients.seen.watchers.all

        wait_until(is_dropped, timeout=30)
        check_served(controlled)


@pytest.mark.parametrize("how", ["hangs up", "speaks"])
def test_a_watcher_that_hangs_up_or_speaks_is_forgotten(controlled: Controlled, how: str) -> None:
    with controlled.connect() as peer:
        peer.send("WatchReservations", more=True)
        assert peer.reply() == {"ready": True}
        if how == "hangs up":
            peer.close()
        else:
            peer.send("GetStatus")
        wait_until(lambda: not controlled.clients.seen.watchers.all)
    check_served(controlled)


def test_a_flood_of_calls_leaves_time_for_everything_else(controlled: Controlled) -> None:
    """Ten thousand calls at once would otherwise take the main thread for as long as they last."""
    call = b'{"method":"org.varlink.service.GetInfo","oneway":true}\0'
    with controlled.connect() as flooding:
        flooding.socket.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            try:
                sent += flooding.socket.send(call * 50)
            except BlockingIOError:
                break
        assert sent > len(call) * 50
        check_served(controlled)


def test_a_bug_in_a_method_ends_that_connection_alone(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> dict[str, object]:
        raise ZeroDivisionError

    methods = controlled.control._methods
    name = f"{CONTROL}.GetClients"
    monkeypatch.setitem(methods._methods, name, methods._methods[name]._replace(answer=fail))
    with caplog.at_level(logging.CRITICAL, "prhelper"), controlled.connect() as peer, pytest.raises(HungUpError):
        peer.call("GetClients")
    assert "a bug ended a connection" in caplog.text
    check_served(controlled)
