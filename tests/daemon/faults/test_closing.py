"""Connections whose close blocks, where the closer cannot take them: what they cost is bounded, and counted."""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prhelper.serving.closing import MAX_BLOCKED

from ...support.client import Client
from ...support.helper import wait_until
from ...support.hold import Hold
from ...support.lingering import socket_that_blocks_when_closed
from ...support.spc import reserve_in
from .bench import Bench

PER_PROCESS = ("--max-clients-per-process", "2")

StartHeld = Callable[..., tuple[Bench, Hold]]


@pytest.fixture
def start(fake_device_library: Path, hold_library: Path, tmp_path: Path) -> Iterator[StartHeld]:
    """Starts a helper in which calls can fail, those named at its start."""
    benches: list[Bench] = []

    def start(*options: str, fail: tuple[str, ...] = ()) -> tuple[Bench, Hold]:
        hold = Hold(hold_library, tmp_path, fake_device_library)
        for call in fail:
            hold.fail(call, errno.EPERM)
        benches.append(Bench(fake_device_library, tmp_path, options, hold.env))
        return benches[0], hold

    try:
        yield start
    finally:
        for bench in benches:
            bench.close()


FORBIDDEN = ("unshare", "close_range")


@contextlib.contextmanager
def stopped(bench: Bench) -> Iterator[None]:
    """The helper does not look meanwhile."""
    bench.helper.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, bench.helper.pid, os.WSTOPPED)  # every thread has stopped
    try:
        yield
    finally:
        bench.helper.process.send_signal(signal.SIGCONT)


def leave_unread(client: Client, passed: socket.socket) -> None:
    """Have a connection end, for a CDB comes without a descriptor, while one that blocks in close waits in it."""
    client.send(reserve_in(0))
    client.send(b"\0", [passed.fileno()])
    passed.close()


def refuse(bench: Bench, sockets: contextlib.ExitStack, passed: socket.socket) -> Client:
    """A client too many, with a descriptor unread that blocks in close."""
    client = sockets.enter_context(bench.connect(negotiate=False))
    client.send(b"\0", [passed.fileno()])
    passed.close()
    return client


def turned_away(bench: Bench) -> bool:
    with bench.connect(negotiate=False) as client:
        return client.receive_all() == b""


def test_a_sandbox_that_forbids_the_closer_is_told_at_the_start(start: StartHeld) -> None:
    bench, _ = start(fail=FORBIDDEN)
    bench.helper.wait_for_log("close_range(2)")
    bench.check_health()


def test_nothing_is_said_where_one_way_is_left(start: StartHeld) -> None:
    bench, hold = start(fail=FORBIDDEN[:1])
    assert hold.holds("unshare")
    bench.check_health()
    assert "close_range" not in bench.helper.output()


def test_a_client_whose_close_blocks_keeps_its_place_until_it_is_closed(start: StartHeld) -> None:
    bench, _ = start(*PER_PROCESS, fail=FORBIDDEN)
    with bench.connect_when_there_is_room() as one:
        with socket_that_blocks_when_closed() as passed:
            with bench.connect_when_there_is_room() as leaving:
                with stopped(bench):
                    leave_unread(leaving, passed)
                assert leaving.hung_up()
            bench.check_served(one)
            assert turned_away(bench)
            bench.check_served(one)
        bench.connect_when_there_is_room().close()


def test_refused_clients_whose_close_blocks_cost_few_threads_and_are_hung_up_on(start: StartHeld) -> None:
    attempts = 2 * MAX_BLOCKED + 5
    bench, _ = start(*PER_PROCESS, fail=FORBIDDEN)
    with bench.connect_when_there_is_room() as one, bench.connect_when_there_is_room() as two:
        bench.check_served(one)
        threads = bench.helper.threads()
        with contextlib.ExitStack() as sockets:
            blocking = [sockets.enter_context(socket_that_blocks_when_closed()) for _ in range(attempts)]
            with stopped(bench):
                refused = [refuse(bench, sockets, passed) for passed in blocking]
            assert all(client.hung_up() for client in refused)
            wait_until(lambda: bench.helper.threads() >= threads + MAX_BLOCKED // 2, what="threads to block")
            for client in (one, two):
                bench.check_served(client)
            assert bench.helper.threads() <= threads + MAX_BLOCKED + 4
    bench.check_nothing_is_left()


def test_no_client_is_accepted_while_more_cannot_be_closed_than_there_may_be(start: StartHeld) -> None:
    total = 4
    bench, _ = start("--max-clients", str(total), *PER_PROCESS, fail=FORBIDDEN)
    with contextlib.ExitStack() as sockets:
        clients = [sockets.enter_context(bench.connect_when_there_is_room()) for _ in range(2)]
        blocking = [sockets.enter_context(socket_that_blocks_when_closed()) for _ in range(total)]
        with stopped(bench):  # once: a signal ends a close that lingers
            refused = [refuse(bench, sockets, passed) for passed in blocking]
        assert all(client.hung_up() for client in refused)
        late = sockets.enter_context(bench.connect(negotiate=False))
        bench.helper.wait_for_log("connections cannot be closed yet")
        late.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            late.socket.recv(1)
        for client in clients:
            bench.check_served(client)
    bench.connect_when_there_is_room().close()


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.ETOOMANYREFS], ids=errno.errorcode.get)
def test_a_connection_that_the_closer_cannot_take_now_is_offered_again(start: StartHeld, error: int) -> None:
    bench, hold = start(*PER_PROCESS)
    with bench.connect_when_there_is_room() as one, socket_that_blocks_when_closed() as passed:
        with bench.connect_when_there_is_room() as leaving:
            bench.check_served(one)
            threads = bench.helper.threads()
            hold.fail("sendmsg", error)
            with stopped(bench):
                leave_unread(leaving, passed)
            assert leaving.hung_up()
        hold.wait("sendmsg")
        bench.connect_when_there_is_room().close()
        wait_until(lambda: bench.helper.threads() <= threads + 1, what="no thread to be kept by what blocks")


def test_connections_that_cannot_be_closed_do_not_delay_the_stop(start: StartHeld) -> None:
    bench, _ = start(fail=FORBIDDEN)
    with socket_that_blocks_when_closed() as passed:
        with bench.connect() as leaving:
            with stopped(bench):
                leave_unread(leaving, passed)
            assert leaving.hung_up()
        bench.check_health()
        assert bench.helper.stop(timeout=10.0) == 0
