"""Listening: accepting in every context, on a socket of our own or an adopted one."""

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.channel import (
    ClosedResourceError,
    Feature,
    SocketChannel,
    SocketListener,
    UnixListener,
    run,
)

from .contexts import Context
from .watching import Waits, number_of, registered


def test_accepting_waits_and_gives_a_channel(
    listener: UnixListener, path: Path, context: Context, waits: Waits
) -> None:
    accepting = context.start(listener.accept)
    waits.next()
    with run(SocketChannel.connect(path)) as far, accepting.result() as near:
        far.writev([b"hello"])
        assert context.run(lambda: near.read(10)) == b"hello"
        fd = number_of(near)
        assert not os.get_inheritable(fd)
        assert os.get_blocking(fd)


def test_several_wait_in_the_backlog_and_all_are_accepted(listener: UnixListener, path: Path, context: Context) -> None:
    callers = [run(SocketChannel.connect(path)) for _ in range(5)]
    for caller in callers:
        context.run(listener.accept).close()
        assert caller.readv([bytearray(1)]) == 0
        caller.close()


def test_closing_wakes_who_accepts_and_leaves_nothing(listener: UnixListener, context: Context, waits: Waits) -> None:
    accepting = context.start(listener.accept)
    fd = waits.next().fd
    listener.close()
    assert isinstance(accepting.fault(), ClosedResourceError)
    assert registered(fd) == 0
    with pytest.raises(ClosedResourceError):
        context.run(listener.accept)


def test_the_path_may_be_a_string(path: Path, context: Context) -> None:
    with context.run(lambda: UnixListener.bind(str(path))) as listener, run(SocketChannel.connect(str(path))):
        context.run(listener.accept).close()
    assert not path.exists()


def test_an_adopted_listening_socket_is_accepted_from_and_its_file_stays(path: Path, context: Context) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    with SocketListener(sock) as listener, run(SocketChannel.connect(path)):
        context.run(listener.accept).close()
    assert path.is_socket()


@pytest.mark.parametrize("blocking", [True, False])
def test_an_adopted_listening_socket_keeps_its_mode_and_accepting_still_waits(
    path: Path, context: Context, waits: Waits, blocking: bool
) -> None:
    with socket.socket(socket.AF_UNIX) as shared:
        shared.bind(str(path))
        shared.listen()
        shared.setblocking(blocking)
        with SocketListener(shared.dup()) as listener:
            accepting = context.start(listener.accept)
            waits.next()
            assert os.get_blocking(shared.fileno()) is blocking
            with run(SocketChannel.connect(path)):
                accepting.result().close()
        assert os.get_blocking(shared.fileno()) is blocking


def test_a_listener_listens_and_does_nothing_else(listener: UnixListener) -> None:
    assert listener.has_feature(Feature.LISTEN)
    assert not listener.has_feature(Feature.SHUTDOWN)
    with pytest.raises(io.UnsupportedOperation):
        listener.shutdown()
    with pytest.raises(io.UnsupportedOperation):
        listener.readv([bytearray(1)])
    with pytest.raises(io.UnsupportedOperation):
        listener.writev([b"x"])


@pytest.mark.parametrize("spell", [str, Path])
def test_where_to_listen_is_a_str_or_a_path(path: Path, spell: Callable[[Path], str | Path], context: Context) -> None:
    with context.run(lambda: UnixListener.bind(spell(path))) as listener:
        assert listener.path == path
        assert path.is_socket()
