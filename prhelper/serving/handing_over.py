"""Hands the clients over to another process, and takes over those of one.

In the main thread, like the server. Each session stops where it is: at rest, or inside a request that it has begun to
read, but never between a command and the last byte of its answer. A client sees nothing of it: what it sends meanwhile
waits in its socket.
"""

import collections
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import anyio
import anyio.lowlevel

from ..channel import OwnedFd, SocketChannel, SocketListener
from ..handover import mailbox
from ..handover.message import MAX_FDS, Connection, HandoverError, Message, decode, encode
from . import audit
from .clients import Client
from .end import AtRest
from .former import described
from .server import Server

_log = logging.getLogger(__name__)

Put = Callable[[bytes, Sequence[int]], Awaitable[None]]
"""Passes a message and duplicates of descriptors on. Raises OSError if that is not possible."""

LAST_COMMANDS = 5.0
"""Seconds for commands that were begun after the stop signal, when others were served while one was waited for."""

_LOOK_PAUSE = 0.02
"""Seconds between two looks whether commands have ended: only on the way out, so that no command has to tell."""


class Moved(NamedTuple):
    """A client on its way, with what the other process gets a duplicate of."""

    client: Client
    rest: AtRest
    socket: socket.socket


class HandingOver:
    """The clients of a server, on their way to another process.

    The commands in flight when it is made are waited for while all others are served (`finish_begun`); only then are
    the clients handed over (`run`), so that no one waits for one that is stuck.
    """

    def __init__(self, server: Server, put: Put) -> None:
        self._server = server
        self._put = put
        self._began = time.monotonic()
        self._parted: collections.deque[tuple[Client, AtRest]] = collections.deque()
        self.count = 0
        """How many clients were handed over."""

    def unfinished(self) -> list[str]:
        """The commands that were in flight at the beginning, and still are, in words."""
        return [client.unfinished() for client in self._server.clients if self._is_old(client)]

    async def finish_begun(self, timeout: float) -> None:
        """Wait until no command is in flight that was at the beginning; at most until `timeout` seconds after it."""
        while any(map(self._is_old, self._server.clients)) and time.monotonic() < self._began + timeout:
            await anyio.sleep(_LOOK_PAUSE)

    async def run(self, listener: SocketListener, timeout: float = LAST_COMMANDS) -> list[str]:
        """Hand over each client as soon as its answer is sent. Returns what remains after `timeout`, in words.

        Does not wait for commands that `finish_begun` has waited for. No client may be accepted any more.
        """
        server = self._server
        server.hang_up(listener)
        self._stop_sessions(lambda client, rest: self._parted.append((client, rest)))
        with anyio.move_on_after(timeout):
            while not all(map(self._is_old, server.clients)):
                await server.left_once()
                await self.pass_on()
        await self.pass_on()
        return server.unfinished()

    def _stop_sessions(self, parted: Callable[[Client, AtRest], None]) -> None:
        self._server.parted = parted
        for client in self._server.clients:
            client.channel.quiesce(at_once=True)

    def _is_old(self, client: Client) -> bool:
        in_flight = client.in_flight
        return in_flight is not None and in_flight.since <= self._began

    async def pass_on(self) -> None:
        """Hand over those whose sessions are at rest by now."""
        while self._parted:
            await self._send(self._next_batch())
            await _give_way()

    async def put_counts(self) -> None:
        """Say how far the counts have come, though nobody may be at rest: numbers of connections are never reused."""
        await self._put(encode(self._message([])), [])

    def given(self, moved: Sequence[Moved]) -> None:
        """The other process has these clients, or will take them."""
        for client, rest, sock in moved:
            sock.close()
            if rest.device is not None:
                self._server.hang_up(rest.device)
            self._server.forget_handed_over(client)

    def kept(self, moved: Sequence[Moved], error: OSError) -> None:
        """These clients could not be handed over. Their channels are their own again."""
        for client, rest, _ in moved:
            audit.not_handed_over(client, error)
            self._server.end(client, rest)

    def _next_batch(self) -> list[tuple[Client, AtRest, Connection]]:
        """As many as fit into one message, and at least one."""
        batch: list[tuple[Client, AtRest, Connection]] = []
        size = fds = 0
        while self._parted:
            client, rest = self._parted[0]
            said = described(client, rest)
            size += len(encode(self._message([said])))
            fds += said.descriptors
            if batch and (size > mailbox.MAX_SIZE or fds > MAX_FDS):
                break
            batch.append((client, rest, said))
            self._parted.popleft()
        return batch

    async def _send(self, batch: list[tuple[Client, AtRest, Connection]]) -> None:
        moved = [Moved(client, rest, client.channel.detach()) for client, rest, _ in batch]
        fds: list[int] = []
        for _, rest, sock in moved:
            fds += [sock.fileno()] if rest.device is None else [sock.fileno(), rest.device.fileno()]
        try:
            with anyio.CancelScope(shield=True):
                await self._put(encode(self._message([said for _, _, said in batch])), fds)
        except OSError as error:
            for client, _, sock in moved:
                client.channel = SocketChannel(sock)
            self.kept(moved, error)
            return
        self.count += len(batch)
        self.given(moved)

    def _message(self, connections: Sequence[Connection]) -> Message:
        return Message(*self._server.clients.counts(), connections)


async def take_over(server: Server, taking: socket.socket) -> int:
    """Go on with each client in a mailbox, until there is none. Returns how many have a place here."""
    count = 0
    while (received := _take(taking)) is not None:
        count += await take_over_some(server, received)
    return count


def _take(taking: socket.socket) -> mailbox.Received | None:
    try:
        return mailbox.take(taking)
    except BlockingIOError:  # the other process has it open still, and is stuck: it has given up what it could not put
        return None
    except OSError as error:
        _log.error("cannot take over connections: %s", error.strerror)
        return None


def check(received: mailbox.Received) -> None:
    """Raise HandoverError unless a message, which is left as it is, can be taken over as a whole."""
    message = decode(received.data)
    if len(received.fds) < sum(said.descriptors for said in message.connections):
        raise HandoverError(mailbox.NOT_ARRIVED)


async def take_over_some(server: Server, received: mailbox.Received) -> int:
    """Go on with the clients in one message. Returns how many have a place here; each other is named in the log.

    Cannot be cancelled: the other process has given them away.
    """
    count = 0
    try:
        message = decode(received.data)
        server.clients.go_on_from(message.accepted, message.answered)
        for said in message.connections:
            if len(received.fds) < said.descriptors:
                raise HandoverError(mailbox.NOT_ARRIVED)
            channel = _channel(received.take())
            count += server.take_over(channel, said, received.take() if said.device else None)
            await _give_way()
    except HandoverError as error:
        _log.error("connections cannot be taken over, and are hung up on: %s", error)
    for fd in received.fds:
        server.hang_up(fd)
    return count


async def _give_way() -> None:
    """On a busy host a thousand clients take seconds, in which systemd's watchdog waits for its ping."""
    await anyio.lowlevel.cancel_shielded_checkpoint()


def _channel(fd: OwnedFd) -> SocketChannel:
    channel = SocketChannel.adopt(fd.fileno())
    fd.detach()
    return channel
