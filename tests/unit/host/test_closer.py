"""Connections whose close would block are closed by the exit of a thread, which does not block."""

import errno
import os
import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from prhelper.host.closer import Closer

from ...support.lingering import LINGER, socket_that_blocks_when_closed


@pytest.fixture
def closer() -> Iterator[Closer]:
    closer = Closer()
    closer.start()
    yield closer
    closer.stop()


def connection_with_a_descriptor_unread(passed: socket.socket) -> tuple[socket.socket, socket.socket]:
    near, far = socket.socketpair()
    socket.send_fds(far, [b"x"], [passed.fileno()])
    passed.close()
    return near, far


def closes_at_once(closer: Closer, connection: socket.socket) -> bool:
    done = threading.Event()

    def close() -> None:
        if closer.close_at_once(connection.fileno(), connection.close):
            done.set()

    threading.Thread(target=close, daemon=True).start()
    return done.wait(LINGER / 3)


def test_connections_are_closed_without_blocking_time_after_time(closer: Closer) -> None:
    for _ in range(5):
        with socket_that_blocks_when_closed() as passed:
            near, far = connection_with_a_descriptor_unread(passed)
            with far:
                assert closes_at_once(closer, near)
                far.settimeout(LINGER / 3)
                with pytest.raises(ConnectionResetError):  # closed with input unread
                    far.recv(1)


def test_many_connections_at_once_are_all_closed(closer: Closer) -> None:
    pairs = [socket.socketpair() for _ in range(200)]
    for near, _ in pairs:
        while not closer.close_at_once(near.fileno(), near.close):
            pass
    for _, far in pairs:
        far.settimeout(LINGER / 3)
        assert far.recv(1) == b""
        far.close()


def forbid(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError

    for name in names:
        monkeypatch.setattr(f"prhelper.host.libc.{name}", forbidden)


def test_where_the_sandbox_forbids_unshare_the_other_call_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, "unshare")
    closer = Closer()
    closer.start()
    for _ in range(3):
        with socket_that_blocks_when_closed() as passed:
            near, far = connection_with_a_descriptor_unread(passed)
            with far:
                assert closes_at_once(closer, near)
                far.settimeout(LINGER / 3)
                with pytest.raises(ConnectionResetError):
                    far.recv(1)
    closer.stop()


def test_where_the_sandbox_forbids_both_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, "unshare", "close_range")
    closer = Closer()
    closer.start()
    assert not closer.works
    near, far = socket.socketpair()
    with near, far:
        assert not closer.close_at_once(near.fileno(), near.close)
        assert near.fileno() >= 0
    closer.stop()


def test_a_sender_never_waits_while_the_thread_is_behind(closer: Closer) -> None:
    """Its queue fills up: no thread can be had for the next closer meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closer, "_hand_over", lambda: False)
        pairs = [socket.socketpair() for _ in range(400)]
        taken = [near for near, _ in pairs if closer.close_at_once(near.fileno(), near.close)]
        assert 0 < len(taken) < len(pairs)
    for near, far in pairs:
        while near.fileno() >= 0 and not closer.close_at_once(near.fileno(), near.close):
            pass
        far.settimeout(LINGER / 3)
        assert far.recv(1) == b""
        far.close()


def test_a_connection_stays_open_here_until_its_sender_has_closed_it(closer: Closer) -> None:
    """Else the sender's close would be the last, and block."""
    near, far = socket.socketpair()
    with far:

        def close() -> None:
            far.settimeout(0.2)
            with pytest.raises(TimeoutError):  # the thread has not exited with it
                far.recv(1)
            near.close()

        assert closer.close_at_once(near.fileno(), close)
        far.settimeout(LINGER / 3)
        assert far.recv(1) == b""


def test_nothing_is_taken_once_it_is_stopped() -> None:
    closer = Closer()
    closer.start()
    closer.stop()
    near, far = socket.socketpair()
    with near, far:
        assert not closer.close_at_once(near.fileno(), near.close)


def test_the_thread_survives_a_message_that_could_not_be_received(closer: Closer) -> None:
    failures: list[int] = []

    class Failing(socket.socket):
        def recvmsg(self, *arguments: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
            if not failures:
                failures.append(1)
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            return super().recvmsg(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prhelper.host.closer.socket.socket", Failing)
        for _ in range(2):  # the first is received by the thread that is there
            near, far = socket.socketpair()
            assert closer.close_at_once(near.fileno(), near.close)
            far.settimeout(LINGER / 3)
            assert far.recv(1) == b""
            far.close()
    assert failures


def test_only_so_many_threads_exit_at_a_time(closer: Closer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the exit of each thread blocked: what comes meanwhile stays open, and is closed once one has ended."""
    exiting = threading.Event()
    exiting.set()
    monkeypatch.setattr("prhelper.host.closer.MAX_EXITING", 2)
    monkeypatch.setattr(Closer, "_count_exiting", lambda _: 2 if exiting.is_set() else 0)
    near, far = socket.socketpair()
    with far:
        assert closes_at_once(closer, near)
        far.settimeout(0.5)
        with pytest.raises(TimeoutError):  # the closer has it open
            far.recv(1)
        exiting.clear()
        far.settimeout(LINGER / 3)
        assert far.recv(1) == b""


def test_a_thread_counts_as_exiting_until_it_has_ended(closer: Closer) -> None:
    closer._exiting = [threading.get_native_id(), 2**22 + 1]
    assert closer._count_exiting() == 1
    assert closer._exiting == [threading.get_native_id()]


def test_no_number_beyond_the_limit_of_open_files_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no close_range(2), each number costs a system call."""
    ranges: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "closerange", lambda first, end: ranges.append((first, end)))
    closer = Closer()
    closer.start()
    closer.stop()
    assert closer.works
    assert ranges
    assert max(end for _, end in ranges) <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]
