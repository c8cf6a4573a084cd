"""The machine's name reaches the client's record, and holds nobody up on its way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.host import machine_name
from prhelper.host.machine_name import MachineName
from prhelper.host.peer import Peer
from prhelper.protocol import ON_BEHALF
from prhelper.scheduler.thread_pool import NoThreadError
from prhelper.serving import machine_names, server
from prhelper.serving.clients import Client

from ...support.helper import wait_until
from ...support.spc import reserve_in
from .running import Running

WEB1 = MachineName("web1", claimed=True)

Say = Callable[[bytes], None]


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line of this process, as the server sees it: a FIFO, so that reading it waits for a writer."""
    monkeypatch.setattr(machine_name, "_PROC", tmp_path)
    directory = tmp_path / str(os.getpid())
    directory.mkdir()
    (directory / "stat").write_bytes(Path("/proc/self/stat").read_bytes())
    fifo = directory / "cmdline"
    os.mkfifo(fifo)
    return fifo


def records(running: Running) -> list[Client]:
    return list(running.server._clients)


def test_who_is_held_up_is_served_without_a_name_and_so_are_others_of_its_account(
    running: Running, command_line: Path
) -> None:
    with running.connect() as first, running.connect() as second:
        with command_line.open("wb") as writer:  # opens once a thread reads: one does
            for client in (first, second, first, second):
                assert running.ask(client) == reserve_in(0)
            assert [each.machine_name for each in records(running)] == [None, None]
            writer.write(b"qemu\0-name\0guest=web1\0")
        wait_until(lambda: records(running)[0].machine_name == WEB1)
        command_line.open("wb").close()
        wait_until(lambda: not running.server._machine_names._waiting)
        assert [each.machine_name for each in records(running)] == [WEB1, None]


def test_who_has_gone_before_its_turn_is_not_looked_at(running: Running, command_line: Path) -> None:
    with running.connect() as first:
        with command_line.open("wb"):
            with running.connect() as second:
                running.ask(second)
            wait_until(lambda: len(records(running)) == 1)
        wait_until(lambda: not running.server._machine_names._waiting)  # a second look would wait for a writer
        running.ask(first)


def test_a_command_line_without_a_name_leaves_the_name_that_is_known_meanwhile(
    running: Running, command_line: Path
) -> None:
    with running.connect() as client:
        with command_line.open("wb"):
            running.ask(client)
            (record,) = records(running)
            record.machine_name = WEB1  # as a daemon says of its own client
        wait_until(lambda: not running.server._machine_names._waiting)
        assert record.machine_name == WEB1


def test_a_thread_that_is_held_up_keeps_no_session_from_ending(running: Running, command_line: Path) -> None:
    with running.connect() as client:
        running.ask(client)
        with command_line.open("wb"):
            assert running.drain(10) == []
            assert client.receive_all() == b""


def of_a_machine(_: object) -> Peer:
    return Peer(os.getpid(), 107, "qemu", r"machine.slice/machine-qemu\x2d3\x2dweb1.scope", 1)


def hidden(_: object) -> Peer:
    return Peer(os.getpid(), 107, "qemu", "user 107", 0)


@pytest.mark.parametrize(("peer_of", "name"), [(of_a_machine, MachineName("web1")), (hidden, None)])
def test_where_the_unit_says_it_or_nothing_can_be_seen_no_command_line_is_read(
    deaf: Running, monkeypatch: pytest.MonkeyPatch, peer_of: Callable[[object], Peer], name: MachineName | None
) -> None:
    def read(*_: int) -> None:
        looked.append(1)

    looked: list[int] = []
    monkeypatch.setattr(server, "_peer_of", peer_of)
    monkeypatch.setattr(machine_names, "read_claimed_name", read)
    deaf.accept()
    with deaf.connect() as client:
        deaf.ask(client)
        assert [each.machine_name for each in records(deaf)] == [name]
    assert deaf.server._machine_names._waiting == {}
    assert looked == []


def test_of_a_daemon_that_a_worker_serves_no_command_line_is_read(
    deaf: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a connection for each command, and is no machine."""
    monkeypatch.setattr(deaf.server, "_features", ON_BEHALF)
    monkeypatch.setattr(server, "_peer_of", of_a_machine)
    deaf.accept()
    with deaf.connect(negotiate=False) as client:
        assert client.receive(4) == ON_BEHALF.to_bytes(4)
        assert [each.machine_name for each in records(deaf)] == [None]


def test_where_no_thread_is_left_clients_have_no_name(deaf: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: object) -> None:
        raise NoThreadError

    monkeypatch.setattr(deaf.threads._pool, "run", no_thread)
    deaf.accept()
    with deaf.connect() as client:
        deaf.ask(client)
        wait_until(lambda: not deaf.server._machine_names._waiting)
        assert [each.machine_name for each in records(deaf)] == [None]
    monkeypatch.undo()
