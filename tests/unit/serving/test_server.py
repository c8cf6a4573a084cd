"""The server between its listener and its sessions: places, hang-ups, failures to accept, and draining."""

from __future__ import annotations

import errno
import logging
import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from prhelper.channel import EventFd, SocketChannel, SocketListener, UnixListener, current_context, run
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.host.peer import Peer
from prhelper.scheduler.iothread import IOThreads
from prhelper.scheduler.thread_pool import NoThreadError
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.serving import audit
from prhelper.serving import server as module
from prhelper.serving.clients import Clients
from prhelper.serving.server import Server, wait_for

from ...support.client import Client, HungUpError
from ...support.helper import wait_until
from ...support.spc import reserve_in

FEATURES = bytes(4)
MAX_CLIENTS = 4  # an account, here this process's unit or user, may have half of them


class Device:
    """Answers at once, unless `held`: then once `let_go` is set."""

    def __init__(self) -> None:
        self.held = False
        self.let_go = threading.Event()
        self.entered = threading.Event()
        self.fault: BaseException | None = None
        self.peers: list[tuple[Peer, int]] = []

    def for_client(self, peer: Peer, number: int) -> Device:
        self.peers.append((peer, number))
        return self

    async def execute(self, command: Command, target: Target) -> Result:
        assert target.device is not None
        if self.fault is not None:
            raise self.fault
        if self.held:
            await current_context().call(None, self._block)
        return Result(Outcome(0, data=command.cdb))

    def _block(self) -> None:
        self.entered.set()
        assert self.let_go.wait(20)


class Running:
    """A server on a socket, with an event loop and I/O threads of its own. It accepts no client until told."""

    def __init__(self, path: Path, portal: BlockingPortal) -> None:
        self.path = path
        self.portal = portal
        self.listener = run(UnixListener.bind(path))
        self._accepting: Future[None] = Future()
        self.device = Device()
        self.threads = IOThreads()
        self.server = Server(self.threads, self.device.for_client, Clients(MAX_CLIENTS, MAX_CLIENTS), 10.0)
        self.threads.start()

    def accept(self) -> None:
        """Accept clients from now on."""
        self._accepting = self.portal.start_task_soon(self.server.accept_clients, self.listener)

    def drain(self, timeout: float) -> list[str]:
        self._accepting.cancel()
        return self.portal.call(self.server.drain, self.listener, timeout)

    def connect(self, *, negotiate: bool = True) -> Client:
        return Client(self.path, negotiate=negotiate)

    def ask(self, client: Client) -> bytes:
        with Path("/dev/null").open("rb") as null:
            return client.command(null.fileno(), reserve_in(0)).payload


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Running]:
    """A server that accepts nobody yet: whoever connects waits."""
    with start_blocking_portal() as portal:
        running = Running(tmp_path / "socket", portal)
        yield running
        running.device.let_go.set()
        assert running.drain(10) == []
        assert running.threads.stop(10)
        running.server.close()
        running.listener.close()


@pytest.fixture
def running(deaf: Running) -> Running:
    """A server that accepts clients."""
    deaf.accept()
    return deaf


@pytest.fixture(params=[True, False], ids=["with its closer", "without"], name="closer")
def _closer(deaf: Running, request: pytest.FixtureRequest) -> None:
    if request.param:
        deaf.server.start()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the server and the audit log."""
    said: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger = logging.Logger("serving", logging.INFO)
    logger.addHandler(Listening())
    monkeypatch.setattr(module, "_log", logger)
    monkeypatch.setattr(audit, "_log", logger)
    return said


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


def failing_once(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the next try to accept fail."""
    accept = SocketListener.accept

    async def fail(_: SocketListener) -> SocketChannel:
        monkeypatch.setattr(SocketListener, "accept", accept)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(SocketListener, "accept", fail)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EMFILE, "raise the limit of open files (LimitNOFILE=, ulimit -n)"), (errno.ENOMEM, "will try again")],
)
def test_after_a_failure_to_accept_it_says_so_and_tries_again(
    deaf: Running, monkeypatch: pytest.MonkeyPatch, lines: list[str], number: int, remedy: str
) -> None:
    failing_once(monkeypatch, number)
    deaf.accept()
    with deaf.connect() as client:
        assert deaf.ask(client) == reserve_in(0)
    assert lines[:1] == [f"cannot accept clients: {os.strerror(number)}; {remedy}"]


def test_a_client_that_leaves_ends_the_pause(
    running: Running, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setattr(module, "_PAUSE", 30.0)
    first = running.connect()
    failing_once(monkeypatch, errno.EMFILE)
    second = running.connect()  # accepted by the call that was under way; the next one fails
    wait_until(lambda: lines)
    first.close()
    with running.connect() as client:
        assert running.ask(client) == reserve_in(0)
    second.close()


def test_draining_ends_clients_at_rest(running: Running) -> None:
    with running.connect() as client:
        running.ask(client)
        assert running.drain(10) == []
        assert client.receive_all() == b""


def test_draining_turns_away_those_who_wait_to_be_accepted(deaf: Running) -> None:
    with deaf.connect(negotiate=False) as client:
        assert deaf.drain(10) == []
        assert client.receive_all() == b""


def test_draining_waits_for_a_command_and_its_answer(running: Running) -> None:
    running.device.held = True
    with running.connect() as client:
        asking = ask_in_background(running, client)
        assert running.device.entered.wait(10)
        draining = running.portal.start_task_soon(running.server.drain, running.listener, 20.0)
        assert not draining.done()
        running.device.let_go.set()
        assert draining.result(10) == []
        assert asking.get(timeout=10) == reserve_in(0)


def test_what_does_not_end_in_time_is_named(running: Running) -> None:
    running.device.held = True
    with running.connect() as client, Client(running.path) as slow:
        asking = ask_in_background(running, client)
        assert running.device.entered.wait(10)
        slow.send(b"\x5e")
        wait_until(lambda: running.server.status().startswith("2 clients"))
        stuck = running.drain(0.05)
        assert any("PERSISTENT RESERVE IN READ KEYS" in line for line in stuck)
        assert stuck == running.server.unfinished()
        running.device.let_go.set()
        asking.get(timeout=10)


def ask_in_background(running: Running, client: Client) -> queue.SimpleQueue[bytes]:
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(running.ask(client)), daemon=True).start()
    return answers


def test_a_flag_that_the_kernel_cannot_watch_is_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(anyio, "wait_readable", refuse)
    monkeypatch.setattr(module, "_PAUSE", 0.001)
    with EventFd() as flag:
        anyio.run(wait_for, flag)
