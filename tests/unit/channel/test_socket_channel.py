"""What is particular to sockets: features, shutting down, adopting, connecting, and failures of the connection."""

import io
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from prhelper.channel import BrokenResourceError, Direction, Feature, SocketChannel, run

from .contexts import PATIENCE, Context
from .kinds import Pair
from .watching import Waits, number_of

KERNEL = tuple(map(int, os.uname().release.split(".")[:2]))

Wire = tuple[SocketChannel, socket.socket]


def test_a_unix_socket_can_pass_descriptors_and_shut_down(wire: Wire) -> None:
    channel, _ = wire
    assert channel.has_feature(Feature.FD_PASS | Feature.SHUTDOWN)
    assert not channel.has_feature(Feature.LISTEN)
    assert not channel.has_feature(Feature.SEEKABLE | Feature.SHUTDOWN)
    with pytest.raises(io.UnsupportedOperation, match="seek"):
        channel.seek(0)
    with pytest.raises(io.UnsupportedOperation, match="delay small"):
        channel.set_delay(False)
    with pytest.raises(io.UnsupportedOperation, match="hold writes back"):
        channel.set_cork(True)


def test_shutting_down_writing_lets_the_peer_read_the_end_and_answer(pair: Pair, context: Context) -> None:
    async def converse() -> list[bytes | None]:
        await pair.writer.write_all([b"last"])
        pair.writer.shutdown(Direction.WRITE)
        heard = [await pair.reader.read(10), await pair.reader.read(10)]
        await pair.reader.write_all([b"answer"])
        return [*heard, await pair.writer.read(10)]

    assert context.run(converse) == [b"last", b"", b"answer"]
    with pytest.raises(BrokenResourceError):
        pair.writer.writev([b"more"])


def test_shutting_down_reading_ends_a_waiting_read_and_not_writing(pair: Pair, context: Context, waits: Waits) -> None:
    reading = context.start(lambda: pair.reader.read(1))
    waits.next()
    pair.reader.shutdown(Direction.READ)
    assert reading.result() == b""
    assert pair.reader.writev([b"still"]) == 5


def test_shutting_down_both_directions_ends_both_even_twice(pair: Pair, context: Context) -> None:
    pair.reader.shutdown()
    pair.writer.close()
    pair.reader.shutdown()
    assert context.run(lambda: pair.reader.read(1)) == b""


def test_writing_to_a_peer_that_is_gone_raises_no_signal(wire: Wire) -> None:
    signals: list[int] = []
    channel, far = wire
    far.close()
    before = signal.signal(signal.SIGPIPE, lambda number, _: signals.append(number))
    try:
        with pytest.raises(BrokenResourceError):
            channel.writev([b"x"])
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert not signals


def test_a_peer_that_leaves_data_unread_breaks_the_connection(wire: Wire, context: Context) -> None:
    channel, far = wire
    channel.writev([b"unread"])
    far.close()
    with pytest.raises(BrokenResourceError) as caught:
        context.run(lambda: channel.read(1))
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_a_connection_that_is_reset_during_the_wait_is_broken(context: Context, waits: Waits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, _ = server.accept()
    with far, SocketChannel(near) as channel:
        reading = context.start(lambda: channel.read_exactly(4))
        waits.next()
        far.send(b"ab")
        waits.next()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        assert isinstance(reading.fault(), BrokenResourceError)


@pytest.mark.parametrize("blocking", [True, False])
def test_an_adopted_socket_works_and_keeps_its_mode(context: Context, blocking: bool) -> None:
    near, far = socket.socketpair()
    near.setblocking(blocking)
    with far, SocketChannel.adopt(near.detach()) as channel:
        assert channel.readv([bytearray(1)]) is None
        assert channel.has_feature(Feature.FD_PASS)
        context.run(lambda: channel.write_all([b"x"]))
        assert far.recv(2) == b"x"
        assert os.get_blocking(number_of(channel)) is blocking


def test_what_is_no_socket_is_not_adopted_and_stays_the_callers() -> None:
    near, far = os.pipe()
    with pytest.raises(OSError, match="socket"):
        SocketChannel.adopt(near)
    os.close(near)
    os.close(far)


def test_the_peer_credentials_are_those_of_who_connected(wire: Wire) -> None:
    assert wire[0].peer_credentials() == (os.getpid(), os.geteuid(), os.getegid())


def test_a_peer_that_lives_has_not_ended(wire: Wire) -> None:
    assert not wire[0].peer_has_ended()


@pytest.mark.skipif(KERNEL < (6, 5), reason="needs SO_PEERPIDFD, of Linux 6.5")
@pytest.mark.parametrize("waited_for", [True, False])
def test_a_peer_that_has_ended_is_told_though_its_connection_lives_on(tmp_path: Path, waited_for: bool) -> None:
    connect = "import socket, sys; socket.socket(fileno=0).connect(sys.argv[1])"
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        with subprocess.Popen([sys.executable, "-I", "-c", connect, path], stdin=client.fileno()) as process:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            if waited_for:
                process.wait()
            with SocketChannel(server.accept()[0]) as channel:
                assert channel.peer_credentials()[0] == process.pid
                assert channel.peer_has_ended()


def test_connecting_reaches_who_listens(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with context.run(lambda: SocketChannel.connect(path, time.monotonic() + 60)) as channel:
            far, _ = server.accept()
            timeout = socket.socket(fileno=os.dup(number_of(channel)))
            with far, timeout:
                assert not any(timeout.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))  # the deadline's is gone
                far.send(b"hello")
                assert context.run(lambda: channel.read_exactly(5)) == b"hello"


def test_connecting_to_nobody_says_so(tmp_path: Path, context: Context) -> None:
    with pytest.raises(FileNotFoundError):
        context.run(lambda: SocketChannel.connect(tmp_path / "nothing"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "left"))
    with pytest.raises(ConnectionRefusedError):
        context.run(lambda: SocketChannel.connect(str(tmp_path / "left")))


def test_connecting_where_nobody_accepts_keeps_to_the_deadline(tmp_path: Path, context: Context) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        with run(SocketChannel.connect(path)):
            for seconds in (0.03, -1.0):
                deadline = time.monotonic() + seconds
                with pytest.raises(TimeoutError, match="too long"):
                    context.run(lambda deadline=deadline: SocketChannel.connect(path, deadline))  # type: ignore[misc]
                assert time.monotonic() >= deadline


def test_connecting_where_nobody_accepts_can_be_cancelled_and_leaves_nothing(tmp_path: Path, loop: Context) -> None:
    async def give_up() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(SocketChannel.connect, path)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()

    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        with run(SocketChannel.connect(path)):
            giving_up = loop.start(give_up)
            ended = giving_up.ends_within(PATIENCE)
            if not ended:
                server.accept()[0].close()  # so that this test ends if cancelling does nothing
            giving_up.result()
            assert ended


def test_connecting_waits_for_room_in_the_backlog(tmp_path: Path, context: Context, waits: Waits) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        with run(SocketChannel.connect(path)):
            connecting = context.start(lambda: SocketChannel.connect(path))
            waits.next()
            server.accept()[0].close()
            connecting.result().close()


def test_a_look_at_what_has_arrived_takes_nothing_and_finds_descriptors(wire: Wire) -> None:
    channel, far = wire
    assert channel.peek(10) is None
    far.send(b"ab")
    assert (channel.peek(10), channel.peek(1)) == ((2, False), (1, False))
    socket.send_fds(far, [b"c"], [far.fileno()])
    far.send(b"d")
    assert channel.peek(10) == (3, True)
    assert channel.read_now(10) == b"abc"
    assert channel.read_now(10) == b"d"
    far.close()
    assert channel.peek(10) == (0, False)


def test_a_look_at_a_broken_connection_raises(wire: Wire) -> None:
    channel, far = wire
    channel.writev([b"unread"])
    far.close()
    with pytest.raises(BrokenResourceError):
        channel.peek(1)
