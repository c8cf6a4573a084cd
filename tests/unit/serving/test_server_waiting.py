"""The server where it cannot accept, and where it drains."""

from __future__ import annotations

import errno
import itertools
import queue
import threading

import anyio
import pytest

from prhelper.channel import EventFd, SocketChannel, SocketListener
from prhelper.serving import server as module
from prhelper.serving.closing import Closing
from prhelper.serving.server import wait_for

from ...support.client import Client
from ...support.helper import wait_until
from ...support.spc import reserve_in
from .running import FEATURES, MAX_CLIENTS, Running


def failing_once(monkeypatch: pytest.MonkeyPatch, error: OSError, after: int = 0) -> None:
    """Have one call of accept fail, after so many that do not."""
    accept, calls = SocketListener.accept, itertools.count()

    async def fail(listener: SocketListener) -> SocketChannel:
        if next(calls) == after:
            raise error
        return await accept(listener)

    monkeypatch.setattr(SocketListener, "accept", fail)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "Too many"), "Too many; raise the limit of open files (LimitNOFILE=, ulimit -n)"),
        (OSError(errno.ENOMEM, "No memory"), "No memory; will try again"),
        (OSError("odd"), "odd; will try again"),
    ],
)
def test_after_a_failure_to_accept_it_says_so_and_tries_again(
    deaf: Running, monkeypatch: pytest.MonkeyPatch, lines: list[str], error: OSError, said: str
) -> None:
    failing_once(monkeypatch, error)
    deaf.accept()
    with deaf.connect() as client:
        assert deaf.ask(client) == reserve_in(0)
    assert lines[:1] == [f"cannot accept clients: {said}"]


def test_while_too_many_connections_cannot_be_closed_no_client_is_accepted(
    deaf: Running, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    unclosed = [MAX_CLIENTS]
    monkeypatch.setattr(Closing, "__len__", lambda _: unclosed[0])
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    deaf.accept()
    with deaf.connect(negotiate=False) as client:
        wait_until(lambda: lines)
        assert lines[0] == f"cannot accept clients: {MAX_CLIENTS} connections cannot be closed yet; will try again"
        unclosed[0] = MAX_CLIENTS - 1
        assert client.receive(4) == FEATURES
    unclosed[0] = 0


def test_a_client_that_leaves_ends_the_pause(deaf: Running, monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr(module, "_PAUSE", 30.0)
    failing_once(monkeypatch, OSError(errno.EMFILE, "Too many"), after=1)
    deaf.accept()
    with deaf.connect():
        wait_until(lambda: lines)
    with deaf.connect() as client:
        assert deaf.ask(client) == reserve_in(0)


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
