"""Accepts clients, runs a session for each, and drains them at the end.

Part of the control plane: it runs in the main thread's event loop and never touches a device. Sessions run in the I/O
threads, and report their end from there.
"""

import errno
import logging
import socket
from collections.abc import Callable

import anyio
import anyio.lowlevel

from ..channel import Channel, EventFd, OwnedFd, SocketChannel, SocketListener, current_context
from ..device.execution import Executor
from ..handover.message import Connection
from ..handover.offer import REPLACES
from ..host.peer import Peer
from ..logs.record import at_most
from ..scheduler.iothread import IOThreads
from ..scheduler.thread_pool import NoThreadError
from . import audit
from .clients import Client, Clients, Full
from .closing import Closing
from .end import AtRest, End
from .former import Former
from .machine_names import MachineNames
from .session import serve

_log = logging.getLogger(__name__)

DevicesFor = Callable[[Peer, int], Executor]
"""Makes the devices as one client meets them; the number tells its connection from all others."""

_PAUSE = 0.2
"""Seconds to pause after accepting has failed; a client that leaves ends the pause early."""


class Server:
    """The clients of one listening socket. Owns neither the listener nor the I/O threads.

    request_timeout, features: see `session.serve`.
    """

    def __init__(
        self,
        threads: IOThreads,
        devices_for: DevicesFor,
        clients: Clients,
        request_timeout: float,
        features: int = 0,
    ) -> None:
        self._threads = threads
        self._devices_for = devices_for
        self._clients = clients
        self._request_timeout = request_timeout
        self._features = features
        self._left = EventFd()
        self._closing = Closing(threads, self._left.set)
        self._machine_names = MachineNames(threads)
        self.parted: Callable[[Client, AtRest], None] | None = None
        """Takes a client whose session is at rest, in an I/O thread; None to hang up on it."""
        self.asked_to_replace: Callable[[SocketChannel], None] | None = None
        """Takes the connection of one that calls itself another start, which is to take the place of this one."""
        self.changed = EventFd()
        """Set when a client comes or goes; the control plane clears it."""

    async def accept_clients(self, listener: SocketListener) -> None:
        """Serve each client that connects, until cancelled."""
        while True:
            if (unclosed := len(self._closing)) >= self._clients.total:
                # Each keeps a descriptor, and the clients that are here need the rest.
                await self._pause(f"{unclosed} connections cannot be closed yet", "will try again")
                continue
            try:
                channel = await listener.accept()
            except OSError as error:
                await self._pause(error.strerror or str(error), audit.REMEDIES.get(error.errno or 0, "will try again"))
            else:
                if self.asked_to_replace is not None and channel.peer_name().startswith(REPLACES):
                    self.asked_to_replace(channel)
                else:
                    self._welcome(channel)
                await anyio.lowlevel.checkpoint()

    def start(self) -> None:
        """Start the thread that closes connections. Raises RuntimeError if it cannot; call it after `threads.start`."""
        self._closing.start()

    def close(self) -> None:
        """Close what the server itself has open, once no session runs."""
        self._closing.stop()
        self._left.close()
        self.changed.close()

    def status(self) -> str:
        """Clients and commands, in words."""
        clients = len(self._clients)
        return f"{clients} client{'' if clients == 1 else 's'}, {self._clients.commands()} commands done"

    async def drain(self, listener: SocketListener, timeout: float) -> list[str]:
        """Let every session finish what it has begun, for `timeout` seconds. Returns what is left, in words.

        No client is accepted any more; those in the backlog are turned away.
        """
        self.hang_up(listener)
        self.parted = None
        for client in self._clients:
            client.channel.quiesce()
        with anyio.move_on_after(timeout):
            while self._clients:
                await self.left_once()
        return self.unfinished()

    def hang_up_on(self, channel: SocketChannel) -> None:
        """Close a connection that is no client's, now or later, without blocking."""
        self._closing.close(channel, "", _do_nothing)

    def is_closing(self) -> bool:
        """Whether connections are still open that have ended: closing them can block, even when the process ends."""
        return bool(self._closing)

    def unfinished(self) -> list[str]:
        """What each remaining client has in flight, in words."""
        return [client.unfinished() for client in self._clients]

    @property
    def clients(self) -> Clients:
        """Those that are here."""
        return self._clients

    def take_over(self, channel: SocketChannel, connection: Connection, device: OwnedFd | None) -> bool:
        """Go on with a client of another process, if it may have a place, and say so. Owns `channel` and `device`."""
        is_welcome = self._welcome(channel, Former(connection, device))
        if not is_welcome and device is not None:
            self.hang_up(device)
        return is_welcome

    def forget_handed_over(self, client: Client) -> None:
        """Another process has this client now."""
        self._clients.give_up_place(client)
        self._clients.forget(client, handed_over=True)
        self._machine_names.forget(client)
        self.changed.set()

    def end(self, client: Client, rest: AtRest) -> None:
        """End a conversation that is at rest."""
        if rest.device is not None:
            self.hang_up(rest.device)
        self._close(client)
        self._tell()

    def _welcome(self, channel: SocketChannel, former: Former | None = None) -> bool:
        """Serve a client, unless it has to be turned away. Returns which."""
        try:
            peer = _peer_of(channel) if former is None else former.peer(channel, _peer_of)
            client = self._clients.enter(peer, channel, former and former.connection.number)
        except OSError as error:  # it has gone already
            self.hang_up_on(channel)
            audit.gone(error)
            return False
        except Full as full:
            self._closing.close(channel, peer.account, _do_nothing)
            audit.refused(peer, full)
            return False
        rest = None
        if former is not None:
            client.commands, client.connected_at = former.connection.commands, former.connection.connected_at
            rest = former.rest(self._request_timeout)
        self.changed.set()
        audit.connected(client)
        if not self._features:  # a daemon, which does have features, runs no machine itself
            self._machine_names.find(client)
        self.resume(client, rest)
        return True

    def resume(self, client: Client, rest: AtRest | None) -> None:
        """Go on with a conversation that is at rest, or begin one. Any thread may call."""
        devices = self._devices_for(client.peer, client.number)
        session = serve(client.channel, devices, client, self._request_timeout, self._features, rest)
        self._threads.spawn(session, lambda end: self._goodbye(client, end))

    def hang_up(self, closed: Channel | OwnedFd) -> None:
        """Close in a thread of its own: descriptors that wait in a socket are closed too, and that can block."""

        async def close() -> None:
            try:
                await current_context().call(None, closed.close)
            except NoThreadError:
                closed.close()

        self._threads.spawn(close(), lambda _: None)

    def _goodbye(self, client: Client, end: End | AtRest | BaseException) -> None:
        """In an I/O thread: a session has ended."""
        if isinstance(end, AtRest) and self.parted is not None:
            self.parted(client, end)
            self._left.set()
            return
        self._close(client)
        audit.ended(client, end)
        self._tell()

    def _close(self, client: Client) -> None:
        self._closing.close(client.channel, client.peer.account, lambda: self._clients.give_up_place(client))
        self._clients.forget(client)
        self._machine_names.forget(client)

    def _tell(self) -> None:
        self._left.set()
        self.changed.set()

    async def _pause(self, reason: str, remedy: str) -> None:
        _log.error("cannot accept clients: %s; %s", reason, remedy, extra=at_most(1, "accept"))
        self._left.clear()
        with anyio.move_on_after(_PAUSE):
            await self.left_once()

    async def left_once(self) -> None:
        """Wait until a client leaves, or is at rest."""
        await wait_for(self._left)
        self._left.clear()


async def wait_for(readable: EventFd | socket.socket) -> None:
    """Wait until a flag is set, or a message is there.

    For a moment only where the kernel cannot watch it (ENOSPC, max_user_watches).
    """
    try:
        await anyio.wait_readable(readable.fileno())
    except OSError:
        await anyio.sleep(_PAUSE)


def _peer_of(channel: SocketChannel) -> Peer:
    """Raises ProcessLookupError if the process that connected has ended."""
    pid, uid, _ = channel.peer_credentials()
    peer = Peer.of(pid, uid)
    if pid and channel.peer_has_ended():  # what was seen of it may be another's, who was given its number
        raise ProcessLookupError(errno.ESRCH, f"{peer} has ended")
    return peer


def _do_nothing() -> None:
    """A connection that was turned away has no place to give up."""
