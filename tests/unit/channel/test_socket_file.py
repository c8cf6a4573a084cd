"""The file of a listening socket, which only who made it may replace or remove."""

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path

import anyio
import pytest

from prhelper.channel import (
    SocketChannel,
    UnixListener,
    run,
    socket_file,
    unix_path,
)
from prhelper.channel.socket_file import SharedSocketFile, listen_at

from .contexts import PATIENCE, Context


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666], ids=oct)
def test_the_file_has_the_mode_that_was_asked_for_whatever_the_umask(path: Path, mode: int, umask: int) -> None:
    old = os.umask(umask)
    try:
        with run(UnixListener.bind(path, mode)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(old)


def test_the_file_never_had_a_wider_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    bind = socket.socket.bind

    def bind_and_look(sock: socket.socket, address: str) -> None:
        bind(sock, address)
        modes.append(stat.S_IMODE(path.stat().st_mode))

    monkeypatch.setattr(socket.socket, "bind", bind_and_look)
    old = os.umask(0)
    try:
        run(UnixListener.bind(path, 0o600)).close()
    finally:
        os.umask(old)
    assert modes == [0o600]


@pytest.mark.parametrize("call", ["listen", "bind"])
def test_where_listening_fails_the_file_does_not_stay(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "refused")

    monkeypatch.setattr(socket.socket, call, refuse)
    with pytest.raises(PermissionError):
        run(UnixListener.bind(path))
    assert not path.exists()


def test_the_file_goes_with_the_listener_and_not_with_a_client(path: Path) -> None:
    with run(UnixListener.bind(path)) as listener:
        run(SocketChannel.connect(path)).close()
        run(listener.accept()).close()
        assert path.is_socket()
    assert not path.exists()


def test_the_file_can_be_removed_before_the_listener_closes(listener: UnixListener, path: Path) -> None:
    listener.remove_file()
    listener.remove_file()
    assert not path.exists()


def test_a_file_that_was_replaced_by_somebody_is_left_alone(path: Path) -> None:
    with run(UnixListener.bind(path)):
        path.rename(path.with_suffix(".old"))
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"


def test_a_stale_file_is_replaced(path: Path, context: Context) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with run(UnixListener.bind(path)) as listener, run(SocketChannel.connect(path)):
        context.run(listener.accept).close()


def test_where_somebody_listens_nobody_else_may(listener: UnixListener, path: Path) -> None:
    with pytest.raises(OSError, match="listens") as caught:
        run(UnixListener.bind(path))
    assert caught.value.errno == errno.EADDRINUSE
    run(listener.accept()).close()  # the probe
    with run(SocketChannel.connect(path)):
        run(listener.accept()).close()


def test_a_full_backlog_counts_as_listening(path: Path) -> None:
    with run(UnixListener.bind(path, backlog=0)), run(SocketChannel.connect(path)):
        with pytest.raises(OSError, match="listens") as caught:
            run(UnixListener.bind(path))
        assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("kind", ["file", "directory", "link to nothing", "link to a socket"])
def test_what_is_no_socket_is_refused_and_left_intact(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(path.with_suffix(".target"))
        if kind == "link to a socket":
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(path.with_suffix(".target")))
    before = path.lstat()
    with pytest.raises(FileExistsError) as caught:
        run(UnixListener.bind(path))
    assert caught.value.errno == errno.EEXIST
    assert path.lstat() == before


def test_a_file_that_somebody_removed_is_not_missed(path: Path) -> None:
    with run(UnixListener.bind(path)) as listener:
        path.unlink()
        listener.remove_file()
    assert not path.exists()


@pytest.mark.parametrize("longest", [0.0, 0.02, 60.0], ids=["at once", "after a while", "when the other is done"])
def test_who_starts_at_the_same_time_is_waited_for_but_not_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch, longest: float
) -> None:
    lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if longest == 60.0:
            fcntl.flock(lock, fcntl.LOCK_UN)

    monkeypatch.setattr(socket_file, "_MAX_LOCK_WAIT", longest)
    monkeypatch.setattr(unix_path, "pause", pause)
    with run(UnixListener.bind(path)):
        assert path.is_socket()
    assert bool(paused) is (longest > 0)
    assert longest < 60.0 or len(paused) == 1
    os.close(lock)


def test_a_thread_that_starts_at_the_same_time_waits_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    monkeypatch.setattr("time.sleep", lambda _: fcntl.flock(lock, fcntl.LOCK_UN))
    with UnixListener(listen_at(path)) as listener, run(SocketChannel.connect(path)):
        run(listener.accept()).close()
    assert not path.exists()
    os.close(lock)


def test_others_in_the_loop_go_on_while_it_waits_and_it_can_be_cancelled(
    path: Path, loop: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(UnixListener.bind, path)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()

    monkeypatch.setattr(socket_file, "_MAX_LOCK_WAIT", PATIENCE)
    lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    loop.run(give_up)
    assert not path.exists()
    os.close(lock)


def test_a_stale_file_that_goes_by_itself_meanwhile_is_not_missed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    connect = socket.socket.connect

    def remove_first(sock: socket.socket, address: str) -> None:
        path.unlink()
        connect(sock, address)

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", remove_first)
        listener = run(UnixListener.bind(path))
    with listener:
        assert path.is_socket()


def test_where_no_file_can_be_made_nothing_is_left_open(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(UnixListener.bind(tmp_path / "missing" / "socket"))
    with pytest.raises(OSError, match="too long"):
        run(UnixListener.bind(tmp_path / ("x" * 200)))


def test_a_shared_file_stays_its_makers_until_it_is_owned(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    made = listen_at(path)
    shared = SharedSocketFile(path, made.socket.dup())
    shared.remove()
    assert path.exists()
    shared.own()
    made.give_up()
    made.remove()
    assert path.exists()
    shared.remove()
    assert not path.exists()
    for each in (made, shared):
        each.socket.close()


def test_a_shared_file_that_cannot_be_looked_at_is_left_alone(tmp_path: Path) -> None:
    shared = SharedSocketFile(tmp_path / "socket", socket.socket(socket.AF_UNIX))
    shared.own()
    shared.remove()
    shared.socket.close()
