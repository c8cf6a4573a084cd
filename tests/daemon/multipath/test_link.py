"""The daemon, and a worker in the test's hands: what the daemon's clients have of its faults."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.spc import CHECK_CONDITION, CONFLICT, INVALID_OPCODE, sense_code
from ...support.worker import Answer, FakeWorker, Report
from ...support.worker import Daemon as Connection
from .bench import AS_ANOTHER_USER, Daemon, check_try_again

STUCK = 100


@pytest.fixture
def path(directory: Path) -> Path:
    return directory / "multipath.sock"


def serve(path: Path, behave: Callable[[Connection], None]) -> FakeWorker:
    worker = FakeWorker(path, behave)
    path.chmod(0o666)
    return worker


def test_command_for_a_map_is_the_workers_and_the_log_has_what_it_says(
    start: Callable[..., Daemon], path: Path
) -> None:
    def behave(connection: Connection) -> None:
        connection.greet()
        connection.request()
        report = Report("mpatha", "36001", ["2:0:0:0"], ["3:0:0:0"], ["a path is missing"])
        connection.answer(Answer(CONFLICT, report=asdict(report)))

    with serve(path, behave), (daemon := start(path)).connect() as client:
        for _ in range(3):
            daemon.ask(client)
            assert client.reply().status == CONFLICT
            daemon.check_served(client)
    daemon.helper.wait_for_log("; map mpatha, WWID 36001, by 2:0:0:0, not by 3:0:0:0", 3)
    daemon.helper.wait_for_log("map mpatha: a path is missing", 3)


def test_worker_that_speaks_rubbish_costs_only_the_command(start: Callable[..., Daemon], path: Path) -> None:
    def behave(connection: Connection) -> None:
        connection.socket.sendall(b"\xff" * 4)
        assert connection.socket.recv(4) == bytes.fromhex("80000000")
        connection.request()
        connection.socket.sendall(b"\xff" * 200)
        connection.wait_for_hang_up()

    with serve(path, behave), (daemon := start(path)).connect() as client:
        daemon.ask(client)
        check_try_again(client.reply())
        daemon.check_served(client)
    daemon.helper.wait_for_log("it sent status -1, which is not one byte; let both be of one version")


def test_worker_that_is_there_no_more_costs_only_the_command(start: Callable[..., Daemon], path: Path) -> None:
    with serve(path, Connection.wait_for_hang_up):
        daemon = start(path)
    with daemon.connect() as client:
        daemon.ask(client)
        check_try_again(client.reply())
        daemon.check_served(client)
    daemon.helper.wait_for_log(f"the multipath worker, {path}: cannot connect to it: No such file or directory; start")


def test_clients_whose_commands_the_worker_has_hold_up_no_other(start: Callable[..., Daemon], path: Path) -> None:
    def behave(connection: Connection) -> None:
        connection.greet()
        connection.request()
        asked.release()
        assert let_go.wait(50)
        connection.answer(Answer(CONFLICT))

    asked, let_go = threading.Semaphore(0), threading.Event()
    with serve(path, behave), ExitStack() as stack:
        stack.callback(let_go.set)
        daemon = start(path)
        clients: list[Client] = [stack.enter_context(daemon.connect()) for _ in range(STUCK)]
        for client in clients:
            daemon.ask(client)
        assert all(asked.acquire(timeout=20) for _ in clients)
        daemon.helper.wait_for_idle_threads(daemon.rest)  # no command has one while it waits
        other = stack.enter_context(daemon.connect(timeout=5.0))
        for _ in range(200):
            daemon.check_served(other)
        let_go.set()
        assert [client.reply().status for client in clients] == [CONFLICT] * STUCK


def test_without_a_worker_maps_are_refused_and_the_log_says_what_to_start_until_it_is_there(
    start: Callable[..., Daemon], path: Path
) -> None:
    def behave(connection: Connection) -> None:
        connection.greet()
        connection.request()
        connection.answer(Answer(CONFLICT))

    daemon = start(path)
    with daemon.connect() as client:
        daemon.ask(client)
        assert sense_code(client.reply().sense) == INVALID_OPCODE
        daemon.helper.wait_for_log(f"or start its worker, on {path} (systemctl enable --now prhelper-multipath")
        with serve(path, behave):
            daemon.ask(client)
            assert client.reply().status == CONFLICT
        daemon.ask(client)
        check_try_again(client.reply())


def test_with_a_worker_that_it_may_not_connect_to_maps_are_refused_and_the_log_says_how_it_may(
    start: Callable[..., Daemon], path: Path
) -> None:
    with serve(path, Connection.wait_for_hang_up):
        path.chmod(0o600 if AS_ANOTHER_USER else 0)
        daemon = start(path)
        check_refused(daemon)
    daemon.helper.wait_for_log(f"or let it connect to its worker, on {path} (SupplementaryGroups= in the unit;")


def check_refused(daemon: Daemon) -> None:
    with daemon.connect() as client:
        daemon.ask(client)
        reply = client.reply()
        assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, INVALID_OPCODE)


def test_multipath_on_is_content_with_a_worker(start: Callable[..., Daemon], path: Path) -> None:
    with serve(path, Connection.wait_for_hang_up):
        start(path, "--multipath=on")


def test_multipath_off_asks_no_worker(start: Callable[..., Daemon], path: Path) -> None:
    with serve(path, Connection.wait_for_hang_up):
        daemon = start(path, "--multipath=off")
        check_refused(daemon)
    daemon.helper.wait_for_log("only one of the paths: --multipath=off")
