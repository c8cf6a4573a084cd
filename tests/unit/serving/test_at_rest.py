"""A session that is quiesced at once stops wherever it is, but never between a command and its answer."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from prhelper.channel import IncompleteRead, SocketChannel, current_context, run
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.host.peer import Peer
from prhelper.scsi.reservation import Command
from prhelper.serving.clients import Client
from prhelper.serving.end import AtRest, End
from prhelper.serving.seen import Seen
from prhelper.serving.session import serve

from ...support.helper import wait_until
from ...support.patience import PATIENCE
from ...support.spc import keys, reserve_in, reserve_out
from .sessions import HELLO, Loopback, Runner, Session, session

WHOLE = HELLO + reserve_out(0) + keys(1, 2)


def stopped(peer: Session) -> AtRest:
    """Stop the session once it has read what it was sent, so that each size ends in its own place."""
    wait_until(lambda: not peer.channel.unread(), what="the session to read")
    peer.channel.quiesce(at_once=True)
    end = peer.end()
    assert isinstance(end, AtRest)
    return end


@pytest.mark.parametrize("size", [0, 3, 4, 5, 20, 21, len(WHOLE) - 1])
def test_session_stops_inside_a_request_and_goes_on_elsewhere(runner: Runner, null: int, size: int) -> None:
    with session(runner, Loopback()) as peer:
        if size <= 4:
            peer.client.sendall(WHOLE[:size])
        else:
            peer.client.sendall(WHOLE[:4])
            peer.send(WHOLE[4:size], null)
        rest = stopped(peer)
        theirs, ours = socket.socketpair()  # the session's own end is closed
        read = HELLO * (rest.agreed is not None) + rest.begun
        assert WHOLE.startswith(read)
        assert (rest.device is not None) == (len(read) > 4)
        assert (rest.deadline is not None) == (rest.agreed is None or rest.begun != b"")
        channel = SocketChannel(ours)
        record = Client(1, Peer(4711, 107, "qemu"), channel, Seen(lambda *_: True))
        if len(read) < 4:
            theirs.sendall(WHOLE[len(read) : 4])
            read = HELLO
        if len(read) == 4:
            socket.send_fds(theirs, [WHOLE[4:20]], [null])
            read = WHOLE[:20]
        theirs.sendall(WHOLE[len(read) :])
        theirs.shutdown(socket.SHUT_WR)
        assert run(serve(channel, Loopback(), record, 10.0, rest=rest)) is End.HUNG_UP
        assert theirs.recv(4096)[104:] == keys(1, 2)
        theirs.close()
        channel.close()


def test_what_has_arrived_stays_in_the_socket(null: int) -> None:
    ours, theirs = socket.socketpair()
    with SocketChannel(ours) as channel, theirs:
        channel.quiesce(at_once=True)
        socket.send_fds(theirs, [reserve_in(0)], [null])
        record = Client(1, Peer(4711, 107, "qemu"), channel, Seen(lambda *_: True))
        assert run(serve(channel, Loopback(), record, 10.0, rest=AtRest(0))) == AtRest(0)
        assert channel.unread() == 16


def test_command_in_flight_is_answered_before_the_session_stops(runner: Runner, null: int) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Loopback):
        async def execute(self, command: Command, target: Target) -> Result:
            begun.set()
            await current_context().call(None, lambda: go_on.wait(10))
            return await super().execute(command, target)

    with session(runner, Slow()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        assert begun.wait(10)
        peer.channel.quiesce(at_once=True)
        go_on.set()
        assert peer.end() == AtRest(0)
        assert len(peer.receive(4096)) == 104 + 16


def go_on(channel: SocketChannel, rest: AtRest) -> End | AtRest:
    record = Client(1, Peer(4711, 107, "qemu"), channel, Seen(lambda *_: True))
    return run(serve(channel, Loopback(), record, 10.0, rest=rest))


@pytest.mark.parametrize(("agreed", "begun"), [(None, b""), (None, HELLO[:2]), (0, reserve_in(0)[:5])])
@pytest.mark.parametrize("quiesced", [False, True])
def test_deadline_is_still_that_of_the_beginning(agreed: int | None, begun: bytes, quiesced: bool) -> None:
    ours, theirs = socket.socketpair()
    with SocketChannel(ours) as channel, theirs:
        rest = AtRest(agreed, begun, deadline=time.monotonic())
        if quiesced:
            channel.quiesce()
        if quiesced and agreed is None:  # the negotiation may go on elsewhere, a request that has begun may not
            assert go_on(channel, rest) == rest
        else:
            with pytest.raises(TimeoutError):
                go_on(channel, rest)


def test_client_that_has_gone_in_the_middle_of_a_request_has_not_ended_it() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with SocketChannel(ours) as channel, pytest.raises(IncompleteRead):
        go_on(channel, AtRest(0, reserve_in(0)[:5], deadline=time.monotonic() + PATIENCE))
