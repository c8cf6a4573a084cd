"""Where sessions run, when something is missing, slow or stuck, and at the edges of a burst."""

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.channel import BrokenResourceError, Direction, SocketChannel, Waiter, current_context
from prhelper.logs import trace
from prhelper.scheduler import iothread
from prhelper.scheduler.iothread import IOThreads
from prhelper.scheduler.thread_pool import NoThreadError, ThreadPool

from ...support.helper import wait_until
from .echo import Echo, nothing


def test_where_not_even_a_leader_can_be_had_it_is_said_and_tried_again(
    threads: IOThreads, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise NoThreadError

    wait_until(lambda: threads._pool.has_reserve, what="a thread in reserve")
    logger = logging.Logger("iothread")
    logger.addHandler(caplog.handler)
    monkeypatch.setattr(iothread, "_log", logger)
    monkeypatch.setattr(iothread, "_RETRY_PAUSE", 0.001)
    with monkeypatch.context() as patched:
        patched.setattr(threads._pool, "run", refuse)
        patched.setattr(threads._pool, "run_from_reserve", refuse)
        threads._depose()
    assert "commands may wait for one another" in caplog.text
    session = Echo(threads, nothing, key="fast")
    assert session.ask(1) == 1
    assert session.end() is None


def test_where_no_thread_can_be_had_a_call_that_may_block_is_refused_and_fast_ones_go_on(
    threads: IOThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: threads._pool.has_reserve, what="a thread in reserve")
    threads._speeds.learn("fast", 0.0)
    fast = Echo(threads, nothing, key="fast")

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    unknown = [Echo(threads, lambda _: pytest.fail("it was made"), key=number) for number in range(8)]
    for session in unknown:
        session.client.sendall(b"x")
    assert [type(session.ended.get(timeout=20)) for session in unknown] == [NoThreadError] * 8
    for session in unknown:
        session.client.close()
    assert [fast.ask(byte) for byte in range(50)] == list(range(50))
    fast.end()


@pytest.mark.parametrize("left", [True, False])
def test_a_reserve_that_was_used_for_a_leader_is_filled_again(
    threads: IOThreads, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    filled: list[None] = []
    monkeypatch.setattr(ThreadPool, "has_reserve", left)
    monkeypatch.setattr(threads._pool, "fill_reserve", lambda: filled.append(None))
    threads._depose()
    assert len(filled) == (0 if left else 1)


def test_what_the_kernel_cannot_watch_is_told_to_the_session(threads: IOThreads, tmp_path: Path) -> None:
    ended: queue.SimpleQueue[object] = queue.SimpleQueue()

    async def wait_for_a_file() -> str:
        with (tmp_path / "file").open("wb") as file:
            try:
                await current_context().wait(Waiter(file.fileno(), Direction.READ, None))
            except PermissionError:
                return "refused"
        return "waited"

    threads.spawn(wait_for_a_file(), ended.put)
    assert ended.get(timeout=10) == "refused"


def test_a_wait_is_traced_where_that_is_asked_for(threads: IOThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: queue.SimpleQueue[tuple[object, ...]] = queue.SimpleQueue()

    class Listening:
        enabled = True

        def __call__(self, *arguments: object) -> None:
            traced.put(arguments)

    monkeypatch.setattr(trace, "channel_rest", Listening())
    session = Echo(threads, nothing)
    assert traced.get(timeout=10) == (session.channel.fileno(), "read")
    session.end()


def test_a_session_of_a_slow_device_stays_in_its_burst_while_its_client_goes_on(
    threads: IOThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, client = socket.socketpair()
    client.settimeout(20)
    channel = SocketChannel(ours)
    ended: queue.SimpleQueue[object] = queue.SimpleQueue()
    places: list[int] = []
    bursts = 0

    def call() -> None:
        places.append(threading.get_ident())
        time.sleep(0.001)

    async def serve() -> None:
        while data := await channel.read_next(1):
            await current_context().call("slow", call)
            await channel.write_all([data])

    run = threads._pool.run

    def counted(job: Callable[[], None]) -> None:
        nonlocal bursts
        bursts += 1
        run(job)

    monkeypatch.setattr(threads._pool, "run", counted)
    threads.spawn(serve(), ended.put)
    for byte in range(100):
        client.sendall(bytes([byte]))
        assert client.recv(1) == bytes([byte])
    client.close()
    assert ended.get(timeout=10) is None
    channel.close()
    assert len(places) == 100
    assert bursts < 100


def test_stop_says_so_if_a_thread_is_stuck() -> None:
    threads = IOThreads()
    threads.start()
    stuck, release = threading.Event(), threading.Event()

    def call(_: int) -> None:
        stuck.set()
        release.wait(20)

    session = Echo(threads, call, key="dead")
    session.client.sendall(b"x")
    assert stuck.wait(10)
    assert not threads.stop(0.05)
    session.client.close()
    release.set()
    assert isinstance(session.ended.get(timeout=10), BrokenResourceError)
    assert threads.stop(10)


def test_stop_closes_all_that_was_opened() -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    threads = IOThreads()
    threads.start()
    session = Echo(threads, nothing)
    session.ask(1)
    session.end()
    assert threads.stop(10)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_a_device_that_stalls_a_leader_is_fast_no_more(threads: IOThreads) -> None:
    release = threading.Event()
    threads._speeds.learn("disk", 0.0)
    session = Echo(threads, lambda _: release.wait(20), key="disk")
    session.client.sendall(b"x")
    wait_until(lambda: not threads._speeds.is_fast("disk"), what="the leader to be deposed")
    release.set()
    assert session.client.recv(1) == b"x"
    session.end()


def test_a_wake_that_comes_too_late_finds_nothing(threads: IOThreads) -> None:
    wakers: list[Callable[[], object]] = []

    class Kept(Waiter):
        __slots__ = ()

        def arm(self, waker: Callable[[], object]) -> None:
            wakers.append(waker)
            super().arm(waker)

    async def serve() -> bytes:
        await current_context().wait(Kept(ours.fileno(), Direction.READ, None))
        ours.sendall(ours.recv(1))
        await current_context().wait(Kept(ours.fileno(), Direction.READ, None))
        return ours.recv(1)

    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    ended: queue.SimpleQueue[object] = queue.SimpleQueue()
    with ours, theirs:
        threads.spawn(serve(), ended.put)
        theirs.sendall(b"1")
        assert theirs.recv(1) == b"1"
        wakers[0]()
        other = Echo(threads, nothing)
        assert other.ask(7) == 7
        assert other.end() is None
        theirs.sendall(b"2")
        assert ended.get(timeout=10) == b"2"
