"""TLS: writing while a message of the peer's own has come only in part, which OpenSSL wants to read whole first.

`openssl s_server` sends a session ticket in pieces; the test stands in between and holds the end of it back.
"""

import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from prhelper.channel import BrokenResourceError, Direction, SocketChannel, TlsChannel, Waiter, is_ready

from .contexts import PATIENCE, Context, Stepper
from .openssl import OpenSsl, s_server
from .tls_ends import HOST, authority, client_context
from .watching import Waits

PIECE = 512
KEPT = 100


class Interrupted:
    """A client in the middle of a ticket, and all that is between it and its server."""

    def __init__(self, client: TlsChannel, server: OpenSsl, wire: socket.socket, line: socket.socket) -> None:
        self.client = client
        self._server = server
        self._wire = wire
        self._line = line
        self._shake_hands()
        ticket = self._receive_ticket()
        assert len(ticket) > PIECE
        self.wire, self._rest = wire, ticket[-KEPT:]
        wire.sendall(ticket[:-KEPT])
        assert client.readv([bytearray(1)]) is None
        assert client.writev([b"too early"]) is None

    def let_through(self, size: int = KEPT) -> None:
        """Let some of the rest through, or all of it."""
        self._wire.sendall(self._rest[:size])
        self._rest = self._rest[size:]

    def deliver(self, text: bytes) -> None:
        """Pass on what the client has sent: the server should find `text` in it."""
        self._line.sendall(self._wire.recv(65536))
        self._server.wait_for(text)

    def say(self, text: bytes) -> None:
        """Have the server send `text`, and let it through."""
        self._server.type(text)
        self._wire.sendall(self._line.recv(65536))

    def _shake_hands(self) -> None:
        shaking = Stepper(self.client.handshake())
        shaking.step()
        while not shaking.ended:
            ready, _, _ = select.select([self._wire, self._line], [], [], PATIENCE)
            for sock in ready:
                (self._line if sock is self._wire else self._wire).sendall(sock.recv(65536))
            shaking.step()
        self._line.sendall(self._wire.recv(65536))

    def _receive_ticket(self) -> bytes:
        ticket = b""
        while True:
            header = self._line.recv(5, socket.MSG_WAITALL)
            (length,) = struct.unpack("!3xH", header)
            ticket += header + self._line.recv(length, socket.MSG_WAITALL)
            if length < PIECE:
                return ticket


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[Interrupted]:
    context, authorities = client_context(), tmp_path / "ca.pem"
    authority().issue_cert(HOST).configure_cert(context)  # the ticket contains it, and so is long
    authority().cert_pem.write_to_path(str(authorities))
    near, wire = socket.socketpair()
    options = ("-num_tickets", "1", "-max_send_frag", str(PIECE), "-Verify", "1", "-CAfile", str(authorities))
    with (
        s_server(tmp_path, "-tls1_3", *options) as (server, port),
        wire,
        socket.create_connection(("127.0.0.1", port)) as line,
        TlsChannel.client(SocketChannel(near), context, HOST) as client,
    ):
        yield Interrupted(client, server, wire, line)


def test_a_writer_alone_reads_the_rest_itself(interrupted: Interrupted, context: Context, waits: Waits) -> None:
    writing = context.start(lambda: interrupted.client.write_all([b"alone\n"]))
    waits.next()
    interrupted.let_through()
    writing.result()
    interrupted.deliver(b"alone\n")


def test_a_writer_beside_a_reader_goes_on_whoever_reads_the_rest(
    interrupted: Interrupted, context: Context, other: Context, waits: Waits
) -> None:
    writing = context.start(lambda: interrupted.client.write_all([b"beside\n"]))
    waits.next()
    reading = other.start(lambda: interrupted.client.read(1))
    waits.next()
    interrupted.let_through()
    writing.result()
    interrupted.deliver(b"beside\n")
    interrupted.client.shutdown(Direction.READ)
    assert reading.result() == b""


def test_a_writer_beside_a_reader_in_the_same_loop_waits_for_something_else(
    interrupted: Interrupted, loop: Context
) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as readers:
            readers.start_soon(interrupted.client.read, 1)
            async with anyio.create_task_group() as writers:
                writers.start_soon(interrupted.client.write_all, [b"same loop\n"])
                await anyio.wait_all_tasks_blocked()
                interrupted.let_through()
            readers.cancel_scope.cancel()

    loop.run(body)
    interrupted.deliver(b"same loop\n")


def test_a_writer_that_comes_too_late_for_the_rest_is_told(interrupted: Interrupted) -> None:
    writing = Stepper(interrupted.client.write_all([b"told\n"]))
    for size in KEPT // 2, KEPT:
        waiter = writing.step()
        assert isinstance(waiter, Waiter)
        assert not is_ready(waiter.fd, waiter.direction)
        interrupted.let_through(size)
        assert interrupted.client.readv([bytearray(1)]) is None  # the reader has it
        assert is_ready(waiter.fd, waiter.direction)
    writing.finish()
    interrupted.deliver(b"told\n")


@pytest.mark.parametrize("leaves", [False, True], ids=["reads", "is cancelled"])
def test_a_writer_leaves_the_rest_to_a_reader_that_waits(interrupted: Interrupted, leaves: bool) -> None:
    """Taken by the writer, what comes behind the rest would be there without the reader's knowing."""
    reading = Stepper(interrupted.client.read(5))
    for_reader = reading.step()
    writing = Stepper(interrupted.client.write_all([b"after\n"]))
    for_writer = writing.step()
    assert isinstance(for_reader, Waiter)
    assert isinstance(for_writer, Waiter)
    interrupted.let_through()
    interrupted.say(b"data\n")
    assert not is_ready(for_writer.fd, for_writer.direction)
    for_writer = writing.step()  # woken for nothing
    assert isinstance(for_writer, Waiter)
    assert is_ready(for_reader.fd, for_reader.direction)
    if leaves:
        with pytest.raises(InterruptedError):
            reading.step(fault=InterruptedError())
    else:
        reading.finish()
    assert is_ready(for_writer.fd, for_writer.direction)
    writing.finish()
    interrupted.deliver(b"after\n")
    assert (interrupted.client.read_now(5) if leaves else reading.result) == b"data\n"


def test_goodbye_waits_for_the_rest(interrupted: Interrupted, context: Context, waits: Waits) -> None:
    leaving = context.start(interrupted.client.bye)
    waits.next()
    interrupted.let_through()
    leaving.result()
    interrupted.deliver(b"warning close_notify")


@pytest.mark.parametrize("on_this_side", [False, True])
def test_a_message_that_is_cut_off_breaks_the_connection(
    interrupted: Interrupted, context: Context, waits: Waits, on_this_side: bool
) -> None:
    writing = context.start(lambda: interrupted.client.write_all([b"in vain"]))
    waits.next()
    if on_this_side:
        interrupted.client.shutdown(Direction.READ)
    else:
        interrupted.wire.shutdown(socket.SHUT_WR)
    fault = writing.fault()
    assert isinstance(fault, BrokenResourceError)
    assert "truncated" in str(fault)


def test_closing_ends_the_wait(interrupted: Interrupted, context: Context, waits: Waits) -> None:
    writing = context.start(lambda: interrupted.client.write_all([b"in vain"]))
    waits.next()
    interrupted.client.close()
    assert type(writing.fault()).__name__ == "ClosedResourceError"
