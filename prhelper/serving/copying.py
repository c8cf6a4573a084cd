"""Hands the clients over to a process that may fail until it has them: it gets copies, and what is copied stands still.

Both processes have a duplicate of each socket then, and neither reads from it. Either the copies count, and those here
are closed (`let_go`), or the clients go on here as if nothing had been (`go_on`).

A client in a command is no part of this: the command is carried out and answered here, and its client follows then
(`finish`). So nobody waits for a command that is stuck.
"""

from collections.abc import Callable, Sequence

import anyio

from ..channel import SocketChannel
from . import audit
from .clients import Client
from .end import AtRest
from .handing_over import HandingOver, Moved, Put
from .server import Server

_TO_REST = 0.2
"""Seconds for sessions to come to rest. One that writes to a client that does not read takes longer, and follows."""


class Copying(HandingOver):
    """The clients of a server whose place another process is about to take.

    may_stay: whether a client that cannot follow goes on here, asked once it could not; else it is hung up on.
    """

    def __init__(self, server: Server, put: Put, may_stay: Callable[[], bool]) -> None:
        super().__init__(server, put)
        self._may_stay = may_stay
        self._copied: list[Moved] = []
        self._decided = False
        self._goes_on = False

    async def copy(self) -> None:
        """Let all sessions stop, and put copies of the clients that are at rest. Raises OSError if that fails.

        No client may be accepted any more.
        """
        self._stop_sessions(self._park)
        with anyio.move_on_after(_TO_REST):
            while len(self._parted) < sum(client.in_flight is None for client in self._server.clients):
                await self._server.left_once()
        await self.pass_on()
        await self.put_counts()

    def let_go(self) -> None:
        """The copies count."""
        self._decided = True
        self.given(self._copied)
        self._copied = []

    def go_on(self) -> None:
        """The copies do not count: all clients are served here."""
        self._decided = True
        for client in self._server.clients:
            client.channel.resume()
        for client, rest, sock in self._copied:
            client.channel = SocketChannel(sock)
            self._server.resume(client, rest)
        self._copied = []
        # Each side writes before it reads: a session that stops too late to be found here finds that all go on.
        self._goes_on = True
        self._resume_parted()

    async def finish(self) -> None:
        """After `let_go`, hand over the others as their commands end, until no client is left."""
        await self.pass_on()
        while self._server.clients:
            await self._server.left_once()
            await self.pass_on()

    def given(self, moved: Sequence[Moved]) -> None:
        """See HandingOver."""
        if self._decided:
            super().given(moved)
        else:
            self._copied += moved

    def kept(self, moved: Sequence[Moved], error: OSError) -> None:
        """See HandingOver."""
        if not self._decided:
            self._parted.extend((client, rest) for client, rest, _ in moved)
            raise error
        if not self._may_stay():
            super().kept(moved, error)
            return
        for client, rest, _ in moved:
            audit.stays(client, error)
            self._server.resume(client, rest)

    def _park(self, client: Client, rest: AtRest) -> None:
        """In an I/O thread: a session is at rest."""
        self._parted.append((client, rest))
        if self._goes_on:
            self._resume_parted()

    def _resume_parted(self) -> None:
        while self._parted:
            try:
                client, rest = self._parted.popleft()
            except IndexError:  # another thread was faster
                return
            self._server.resume(client, rest)
