"""Connections whose close would block are closed by the exit of a thread, which does not block."""

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


def test_no_connection_is_taken_where_the_sandbox_forbids_unshare(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: int) -> None:
        raise PermissionError

    monkeypatch.setattr("prhelper.host.libc.unshare", forbidden)
    closer = Closer()
    closer.start()
    near, far = socket.socketpair()
    with near, far:
        assert not closer.close_at_once(near.fileno(), near.close)
        assert near.fileno() >= 0
    closer.stop()
