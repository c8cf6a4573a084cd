"""Accepts clients, runs a session for each, and drains them at the end.

Part of the control plane: it runs in the main thread's event loop and never touches a device. Sessions run in the I/O
threads, and report their end from there.
"""

import errno
import logging
from collections.abc import Callable

import anyio
import anyio.lowlevel

from ..channel import Channel, EventFd, SocketChannel, SocketListener, current_context
from ..device.execution import Executor
from ..host.peer import Peer
from ..logs.record import at_most
from ..scheduler.iothread import IOThreads
from ..scheduler.thread_pool import NoThreadError
from . import audit
from .clients import Client, Clients, Full
from .closing import Closing
from .end import End
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
        for client in self._clients:
            client.channel.quiesce()
        with anyio.move_on_after(timeout):
            while self._clients:
                await self._left_once()
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

    def _welcome(self, channel: SocketChannel) -> None:
        try:
            peer = _peer_of(channel)
            client = self._clients.enter(peer, channel)
        except OSError as error:  # it has gone already
            self.hang_up_on(channel)
            audit.gone(error)
            return
        except Full as full:
            self._closing.close(channel, peer.account, _do_nothing)
            audit.refused(peer, full)
            return
        self.changed.set()
        audit.connected(client)
        if not self._features:  # a daemon, which does have features, runs no machine itself
            self._machine_names.find(client)
        devices = self._devices_for(peer, client.number)
        session = serve(channel, devices, client, self._request_timeout, self._features)
        self._threads.spawn(session, lambda end: self._goodbye(client, end))

    def hang_up(self, channel: Channel) -> None:
        """Close in a thread of its own: descriptors that wait in the socket are closed too, and that can block."""

        async def close() -> None:
            try:
                await current_context().call(None, channel.close)
            except NoThreadError:
                channel.close()

        self._threads.spawn(close(), lambda _: None)

    def _goodbye(self, client: Client, end: End | BaseException) -> None:
        """In an I/O thread: a session has ended."""
        self._closing.close(client.channel, client.peer.account, lambda: self._clients.give_up_place(client))
        self._clients.forget(client)
        self._machine_names.forget(client)
        audit.ended(client, end)
        self._left.set()
        self.changed.set()

    async def _pause(self, reason: str, remedy: str) -> None:
        _log.error("cannot accept clients: %s; %s", reason, remedy, extra=at_most(1, "accept"))
        self._left.clear()
        with anyio.move_on_after(_PAUSE):
            await self._left_once()

    async def _left_once(self) -> None:
        await wait_for(self._left)
        self._left.clear()


async def wait_for(flag: EventFd) -> None:
    """Wait until a flag is set; for a moment only where the kernel cannot watch it (ENOSPC, max_user_watches)."""
    try:
        await anyio.wait_readable(flag.fileno())
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
