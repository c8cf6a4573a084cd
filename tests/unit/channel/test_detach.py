"""Giving up the socket of a channel: what was not read stays in it, and a conversation can go on in another process."""

import os
import socket
import struct
import subprocess
import sys
import threading

import pytest

from prhelper.channel import (
    BusyResourceError,
    ClosedResourceError,
    Direction,
    OwnedFd,
    SkippableWaiter,
    SocketChannel,
)
from prhelper.channel.lifetime import Lifetime

from .contexts import Context, Stepper
from .kinds import clog
from .watching import Waits, is_open, registered

Wire = tuple[SocketChannel, socket.socket]

OTHER_PROCESS = """
import sys
from prhelper.channel import SocketChannel, run

with SocketChannel.adopt(int(sys.argv[1])) as channel:
    while run(channel.next_message()):
        if not (question := run(channel.read_exactly_or_eof(4))):
            break
        run(channel.write_all([question.upper()]))
"""


def receive_timeout(sock: socket.socket) -> tuple[int, int]:
    seconds, microseconds = struct.unpack("@ll", sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
    return seconds, microseconds


async def answer(channel: SocketChannel) -> None:
    """Answer questions of four bytes until quiesced."""
    while await channel.next_message():
        await channel.write_all([await channel.read_exactly(4)])


def test_a_detached_channel_is_closed_and_its_socket_open(wire: Wire, context: Context) -> None:
    channel, far = wire
    with channel.detach() as sock:
        assert channel.closed
        with pytest.raises(ClosedResourceError):
            context.run(lambda: channel.read(1))
        with pytest.raises(ClosedResourceError):
            channel.detach()
        channel.close()
        far.send(b"still there")
        assert sock.recv(100) == b"still there"
    assert far.recv(1) == b""


def test_a_closed_channel_has_no_socket_to_give_up(wire: Wire) -> None:
    channel, _ = wire
    channel.close()
    with pytest.raises(ClosedResourceError):
        channel.detach()


def test_bytes_and_descriptors_that_were_not_read_stay_in_the_socket(wire: Wire, context: Context) -> None:
    channel, far = wire
    with open(os.devnull, "rb") as file:  # noqa: PTH123
        socket.send_fds(far, [b"read, "], [])
        assert context.run(lambda: channel.read(6)) == b"read, "
        socket.send_fds(far, [b"and unread"], [file.fileno()])
    assert context.run(channel.next_message)
    received: list[OwnedFd] = []
    with SocketChannel(channel.detach()) as newcomer:
        assert context.run(lambda: newcomer.read(100, received)) == b"and unread"
    for fd in received:
        fd.close()
    assert len(received) == 1


@pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)
def test_while_a_coroutine_waits_the_channel_keeps_its_socket(
    wire: Wire, context: Context, waits: Waits, direction: Direction
) -> None:
    channel, far = wire
    sent = clog(channel)
    waiting = context.start(lambda: channel.wait(direction))
    waits.next(direction)
    with pytest.raises(BusyResourceError):
        channel.detach()
    assert not channel.closed
    far.send(b"x")
    far.recv(sent, socket.MSG_WAITALL)
    waiting.result()
    channel.detach().close()


def test_after_the_wait_nothing_is_registered_for_the_socket(wire: Wire, loop: Context, waits: Waits) -> None:
    channel, _ = wire
    waiting = loop.start(lambda: answer(channel))
    fd = waits.next().fd
    channel.quiesce()
    waiting.result()
    with channel.detach() as sock:
        assert sock.fileno() == fd
        assert registered(fd) == 0


def test_a_use_that_begins_during_the_detach_keeps_the_socket_in_the_channel() -> None:
    class Interrupted(Lifetime):
        def __setattr__(self, name: str, value: object) -> None:
            if (name, value) == ("closed", True):
                self._holds.append(None)  # another thread, which has not looked at `closed` yet
            super().__setattr__(name, value)

    disposed: list[str] = []
    lifetime = Interrupted(lambda: disposed.append("disposed"))
    with pytest.raises(BusyResourceError):
        lifetime.end_undisposed()
    assert not lifetime.closed
    lifetime.release()
    assert not disposed
    lifetime.close()
    lifetime.release()
    assert disposed == ["disposed"]


def test_a_detach_and_a_close_at_the_same_moment_lose_no_socket() -> None:
    barrier = threading.Barrier(2, timeout=20)
    for _ in range(100):
        near, far = socket.socketpair()
        channel, number = SocketChannel(near), near.fileno()
        closing = threading.Thread(target=lambda channel=channel: (barrier.wait(), channel.close()))
        closing.start()
        barrier.wait()
        try:
            channel.detach().close()
        except ClosedResourceError:
            pass
        finally:
            closing.join()
            far.close()
        assert not is_open(number)


def test_the_receive_timeout_of_blocking_reads_is_taken_back(wire: Wire) -> None:
    channel, far = wire
    channel._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 7, 0))
    for message in b"first", b"again":
        stepper = Stepper(channel.read_next(5))
        waiter = stepper.step()
        assert isinstance(waiter, SkippableWaiter)
        waiter.skip()
        far.send(message)
        stepper.step()
        assert stepper.result == message
    with channel.detach() as sock:
        assert receive_timeout(sock) == (7, 0)


@pytest.mark.slow
def test_a_conversation_goes_on_in_another_process(wire: Wire, context: Context, waits: Waits) -> None:
    channel, far = wire
    answering = context.start(lambda: answer(channel))
    waits.next()
    far.send(b"here")
    assert far.recv(4) == b"here"
    waits.next()
    channel.quiesce()
    answering.result()
    far.send(b"gone")
    with channel.detach() as sock:
        command = [sys.executable, "-W", "error", "-c", OTHER_PROCESS, str(sock.fileno())]
        process = subprocess.Popen(command, pass_fds=[sock.fileno()])
    assert far.recv(4) == b"GONE"
    far.send(b"back")
    assert far.recv(4) == b"BACK"
    far.shutdown(socket.SHUT_WR)
    assert process.wait(20) == 0
    assert far.recv(1) == b""
