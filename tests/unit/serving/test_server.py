"""The server between its listener and its sessions: places, hang-ups, and what it tells."""

from __future__ import annotations

import os
import queue
import socket

import anyio
import pytest

from prhelper.channel import SocketChannel
from prhelper.scheduler.thread_pool import NoThreadError
from prhelper.serving.server import wait_for

from ...support.client import HungUpError
from ...support.helper import wait_until
from ...support.spc import reserve_in
from .running import FEATURES, Running


def test_clients_are_counted_with_what_they_have_done_though_they_leave(running: Running) -> None:
    assert running.server.status() == "0 clients, 0 commands done"
    with running.connect() as first, running.connect() as second:
        assert (running.ask(first), running.ask(second)) == (reserve_in(0), reserve_in(0))
        assert running.server.status() == "2 clients, 2 commands done"
        second.close()
        wait_until(lambda: running.server.status() == "1 client, 2 commands done")
    wait_until(lambda: running.server.status() == "0 clients, 2 commands done")


def test_each_client_gets_devices_for_itself(running: Running) -> None:
    with running.connect() as first, running.connect() as second:
        running.ask(first)
        running.ask(second)
    (peer, one), (other, two) = running.device.peers
    assert one != two
    assert peer == other
    assert peer.pid == os.getpid()


def test_who_comes_or_goes_is_told(running: Running) -> None:
    async def told() -> None:
        with anyio.fail_after(10):
            await wait_for(running.server.changed)
        running.server.changed.clear()

    with running.connect():
        anyio.run(told)
    anyio.run(told)


@pytest.mark.usefixtures("closer")
def test_who_finds_no_place_is_hung_up_on_and_the_next_one_gets_what_another_leaves(
    deaf: Running, lines: list[str]
) -> None:
    waiting = [deaf.connect(negotiate=False) for _ in range(3)]
    reading, writing = os.pipe()
    waiting[2].send(reserve_in(0), [writing])
    os.close(writing)
    deaf.accept()
    assert waiting[2].receive_all() == b""
    assert os.read(reading, 1) == b""  # nobody has the other end any more
    os.close(reading)
    wait_until(lambda: lines)
    assert "has 2 connections already, half of --max-clients" in lines[0]
    waiting[1].close()
    wait_until(lambda: deaf.server.status().startswith("1 client,"))
    with deaf.connect() as client:
        assert deaf.ask(client) == reserve_in(0)
    waiting[0].close()
    waiting[2].close()


def test_where_no_thread_is_left_who_finds_no_place_is_hung_up_on_all_the_same(
    deaf: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: object) -> None:
        raise NoThreadError

    waiting = [deaf.connect(negotiate=False) for _ in range(3)]
    waiting[2].send(reserve_in(0))
    monkeypatch.setattr(deaf.threads._pool, "run", no_thread)
    deaf.accept()
    assert waiting[2].receive_all() == b""
    monkeypatch.undo()
    for client in waiting:
        client.close()


@pytest.mark.usefixtures("closer")
def test_descriptors_that_a_client_leaves_unread_are_closed_with_its_connection(deaf: Running) -> None:
    reading, writing = os.pipe()
    with deaf.connect(negotiate=False) as client:
        client.send(FEATURES + reserve_in(0))  # a CDB without a descriptor
        client.send(reserve_in(0), [writing])
        os.close(writing)
        deaf.accept()
        assert client.receive_all() == FEATURES
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_client_that_is_gone_before_it_is_looked_at_takes_no_place(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SocketChannel, "peer_has_ended", lambda _: True)
        with running.connect(negotiate=False) as client:
            assert client.receive_all() == b""
    assert running.server.status() == "0 clients, 0 commands done"
    with running.connect() as client:
        assert running.ask(client) == reserve_in(0)


def test_a_client_of_another_pid_namespace_is_served_though_its_process_cannot_be_asked_for(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SocketChannel, "peer_credentials", lambda _: (0, os.getuid(), os.getgid()))
    monkeypatch.setattr(SocketChannel, "peer_has_ended", lambda _: True)
    with running.connect() as client:
        assert running.ask(client) == reserve_in(0)


def test_a_bug_in_one_session_is_told_and_ends_that_session_only(running: Running, lines: list[str]) -> None:
    with running.connect() as other:
        running.device.fault = ZeroDivisionError()
        client = running.connect()
        with pytest.raises(HungUpError):
            running.ask(client)
        client.close()
        running.device.fault = None
        assert running.ask(other) == reserve_in(0)
    wait_until(lambda: any("a bug ended the session" in line for line in lines))


def test_one_that_calls_itself_another_start_takes_no_place_and_is_passed_on(running: Running) -> None:
    asking: queue.SimpleQueue[SocketChannel] = queue.SimpleQueue()
    running.server.asked_to_replace = asking.put
    with socket.socket(socket.AF_UNIX) as start, running.connect() as client:
        start.bind(f"\0prhelper-replace/{os.getpid()}-{id(start)}")
        start.connect(str(running.path))
        with asking.get(timeout=10) as channel:
            assert channel.peer_credentials()[0] == os.getpid()
        assert running.ask(client)
        assert running.server.status() == "1 client, 1 commands done"


def test_the_name_of_another_start_is_nothing_where_none_is_expected(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as start:
        start.settimeout(10)
        start.bind(f"\0prhelper-replace/{os.getpid()}-{id(start)}")
        start.connect(str(running.path))
        assert start.recv(4) == FEATURES
