"""Where sessions run: many of them on few threads, with calls that are fast, slow, unknown or stuck."""

import errno
import os
import queue
import random
import socket
import threading
import time
from typing import Any

import pytest

from prhelper.channel import Direction, SocketChannel, pause
from prhelper.scheduler.iothread import IOThreads
from prhelper.scheduler.thread_pool import IDLE_SECONDS, NoThreadError

from ...support.helper import wait_until
from .conftest import running
from .echo import Echo, nothing


def test_sessions_of_fast_calls_are_answered_in_order(threads: IOThreads) -> None:
    sessions = [Echo(threads, nothing, key="fast") for _ in range(50)]
    for byte in range(100):
        assert [session.ask(byte) for session in sessions] == [byte] * 50
    assert [session.end() for session in sessions] == [None] * 50


@pytest.mark.parametrize("known", [False, True], ids=["on a device not known yet", "on a device that was fast"])
def test_stuck_calls_hold_up_nobody_and_are_answered_when_they_end(threads: IOThreads, known: bool) -> None:
    release = threading.Event()
    healthy = Echo(threads, nothing, key="healthy")
    if known:
        prober = Echo(threads, nothing, key="dead")
        for byte in range(20):
            prober.ask(byte)
        assert prober.end() is None
    stuck = [Echo(threads, lambda _: release.wait(), key="dead") for _ in range(64)]
    for session in stuck:
        session.client.sendall(b"s")
    for byte in range(200):
        assert healthy.ask(byte) == byte
    wait_until(threads.heartbeat, what="a sign of life")
    release.set()
    assert [session.client.recv(1) for session in stuck] == [b"s"] * 64
    assert [session.end() for session in [healthy, *stuck]] == [None] * 65


@pytest.mark.slow
def test_threads_of_stuck_calls_go_when_they_are_no_longer_needed(threads: IOThreads) -> None:
    before = len(running())
    release = threading.Event()
    stuck = [Echo(threads, lambda _: release.wait(), key=number) for number in range(32)]
    for session in stuck:
        session.client.sendall(b"s")
    wait_until(lambda: len(running()) >= before + 32, what="a thread for each stuck call")
    release.set()
    for session in stuck:
        session.client.recv(1)
        session.end()
    wait_until(lambda: len(running()) <= before + 1, IDLE_SECONDS + 10, "the idle threads to go")


def test_bug_in_one_session_ends_that_session_only(threads: IOThreads) -> None:
    def explode(byte: int) -> None:
        raise ZeroDivisionError(byte)

    good, bad = Echo(threads, nothing), Echo(threads, explode)
    bad.client.sendall(b"x")
    assert isinstance(bad.ended.get(timeout=10), ZeroDivisionError)
    assert good.ask(7) == 7
    assert good.end() is None
    bad.client.close()


def test_deadline_of_a_resting_session_ends_its_wait(threads: IOThreads) -> None:
    ours, theirs = socket.socketpair()
    channel = SocketChannel(ours)
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    async def wait_in_vain() -> None:
        await channel.read(1, deadline=time.monotonic() + 0.05)

    threads.spawn(wait_in_vain(), ended.put)
    assert isinstance(ended.get(timeout=10), TimeoutError)
    channel.close()
    theirs.close()


def test_quiesced_sessions_end_wherever_they_rest(threads: IOThreads) -> None:
    sessions = [Echo(threads, nothing) for _ in range(100)]
    for session in sessions[::2]:
        session.ask(1)
    for session in sessions:
        session.channel.quiesce()
    assert [session.ended.get(timeout=10) for session in sessions] == [None] * 100
    for session in sessions:
        session.client.close()


def test_leader_deposed_while_it_waits_leaves_nothing_lying(threads: IOThreads) -> None:
    sessions = [Echo(threads, nothing, key="fast") for _ in range(8)]
    for byte in range(100):
        threads._depose()
        assert [session.ask(byte) for session in sessions] == [byte] * 8
    assert [session.end() for session in sessions] == [None] * 8


def test_leader_and_guard_show_signs_of_life(threads: IOThreads) -> None:
    wait_until(threads.heartbeat, what="a sign of life")
    wait_until(threads.heartbeat, what="another one")


@pytest.mark.slow
def test_every_request_is_answered_once_and_in_order_whatever_stalls(threads: IOThreads) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    stalls = [chance.choice([0.0, 0.0, 0.0, 0.0, 0.0, 0.001, 0.003, 0.02]) for _ in range(256)]

    def stall(byte: int) -> None:
        if stalls[byte]:
            time.sleep(stalls[byte])

    sessions = [Echo(threads, stall, key=number % 3) for number in range(24)]
    answers: dict[int, list[int]] = {}

    def drive(number: int) -> None:
        answers[number] = [sessions[number].ask((number + byte) % 256) for byte in range(200)]

    drivers = [threading.Thread(target=drive, args=(number,)) for number in range(len(sessions))]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    for number, session in enumerate(sessions):
        assert answers[number] == [(number + byte) % 256 for byte in range(200)]
        assert session.end() is None


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.ENOMEM], ids=errno.errorcode.get)
def test_an_answer_waits_for_memory_without_a_thread(
    threads: IOThreads, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    session = Echo(threads, nothing, key="fast")
    session.ask(1)
    no_memory = [OSError(error, os.strerror(error))] * 5

    def send(sock: socket.socket, data: bytes, flags: int) -> int:
        if no_memory:
            raise no_memory.pop()
        return sock.send(data, flags)

    class Short:
        """A socket for which there is no memory."""

        def __init__(self, sock: socket.socket) -> None:
            self._sock = sock

        def send(self, data: bytes, flags: int) -> int:
            return send(self._sock, data, flags)

        def __getattr__(self, name: str) -> object:
            return getattr(self._sock, name)

    def no_thread(_: object) -> None:
        raise NoThreadError

    other = Echo(threads, nothing, key="fast")
    with monkeypatch.context() as patch:
        patch.setattr(threads._pool, "run", no_thread)
        patch.setattr(session.channel, "_socket", Short(session.channel._socket))
        session.client.sendall(b"\2")
        assert other.ask(3) == 3
        assert session.client.recv(1) == b"\2"
    assert not no_memory
    assert [session.end(), other.end()] == [None, None]


def test_many_sessions_pause_at_once_and_rest_afterwards(threads: IOThreads) -> None:
    """A pause has no descriptor: none is left in the set, and two do not take each other's place."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def some(number: int, channel: SocketChannel) -> int:
        for _ in range(3):
            await pause(0.02)
            await channel.wait(Direction.WRITE)
        return number

    pairs = [socket.socketpair() for _ in range(20)]
    channels = [SocketChannel(near) for near, _ in pairs]
    for number, channel in enumerate(channels):
        threads.spawn(some(number, channel), ended.put)  # a channel stays open until then
    assert sorted(ended.get(timeout=10) for _ in pairs) == list(range(20))
    for channel, (_, far) in zip(channels, pairs, strict=True):
        channel.close()
        far.close()


def test_without_a_leader_at_work_there_is_no_sign_of_life(threads: IOThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(threads.heartbeat, what="a sign of life")
    monkeypatch.setattr(threads, "_request_beats", threads._guard.poke)
    wait_until(lambda: threads._beats == threads._beats_seen[0] or threads.heartbeat(), what="the last beat")
    turns = threads._guard.turns
    threads._guard.poke()
    wait_until(lambda: threads._guard.turns > turns, what="the guard")
    threads.heartbeat()
    assert not threads.heartbeat()


def test_a_leader_that_was_deposed_leads_no_more(threads: IOThreads) -> None:
    sessions = [Echo(threads, nothing, key="fast") for _ in range(8)]
    for byte in range(3):
        threads._depose()
        assert sessions[0].ask(byte) == byte

    def keep_the_leader_busy() -> bool:
        """An event that comes meanwhile goes to one that was deposed, and may wait on the set until then."""
        for session in sessions:
            session.client.sendall(b"\0")
        return all(session.client.recv(1) == b"\0" for session in sessions) and bool(threads._pool._idle)

    wait_until(keep_the_leader_busy, what="the thread of one that was deposed")
    assert [session.end() for session in sessions] == [None] * len(sessions)


def test_sessions_that_are_ready_at_the_stop_are_run() -> None:
    async def session() -> None:
        time.sleep(0.0001)  # so that most are left at the stop

    threads = IOThreads()
    threads.start()
    ended: list[object] = []
    for _ in range(1000):
        threads.spawn(session(), ended.append)
    assert threads.stop(20)
    assert ended == [None] * 1000
