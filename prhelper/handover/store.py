"""The way to the next start of the same systemd unit: a mailbox in systemd's file descriptor store.

Of the two ends the store has the one to take from. So it keeps all that was put in, however many connections there are,
under one name; and it is plain whether it has it: if not, no process has that end.

Nothing is kept there while this process serves: the mailbox is made on the way out.
"""

import errno
import os
import socket
from collections.abc import Sequence

import anyio

from ..host import fd_store
from ..host.activation import KEPT
from ..host.systemd import manager_is_there
from . import mailbox

FIRST = "first"
"""How the name of the mailbox ends that has to be looked into first."""

_PATIENCE = 2.0
"""Seconds for systemd to take a mailbox."""


class Store:
    """Mailboxes in the store; a further one when one is full. Make it by `open`."""

    def __init__(self) -> None:
        self._giving: list[socket.socket] = []

    @classmethod
    async def open(cls) -> "Store | None":
        """A store that takes mailboxes; None where there is no systemd, or its unit has no FileDescriptorStoreMax=."""
        store = cls()
        return store if manager_is_there() and await store._add() else None

    async def put(self, data: bytes, fds: Sequence[int]) -> None:
        """Keep a message. Raises OSError if that is not possible."""
        if mailbox.put(self._giving[-1], data, fds):
            return
        if not await self._add() or not mailbox.put(self._giving[-1], data, fds):
            raise OSError(errno.ENOBUFS, "systemd keeps no more (FileDescriptorStoreMax=)")

    async def put_first(self, data: bytes) -> bool:
        """Keep what the next process needs before any connection, of any size. Returns whether that was possible."""
        if (giving := await self._open(FIRST)) is None:
            return False
        with giving, mailbox.file_of(data) as file:
            return mailbox.put(giving, FIRST.encode(), [file.fileno()])

    def close(self) -> None:
        """Let the next process see the end, even if this one cannot exit."""
        for giving in self._giving:
            giving.close()

    async def _add(self) -> bool:
        giving = await self._open(str(len(self._giving)))
        if giving is not None:
            self._giving.append(giving)
        return giving is not None

    async def _open(self, name: str) -> socket.socket | None:
        giving, taking = mailbox.pair()
        try:
            with taking, anyio.fail_after(_PATIENCE):
                await fd_store.keep(taking.fileno(), f"{KEPT}{os.getpid()}-{name}")
                await fd_store.barrier()
        except OSError:  # TimeoutError among them
            giving.close()
            return None
        if fd_store.hung_up(giving.fileno()):
            giving.close()
            return None
        return giving


def take_first(taking: socket.socket) -> bytes | None:
    """What was kept by `put_first`; None if that was not done. Raises OSError."""
    try:
        received = mailbox.take(taking)
    except BlockingIOError:
        return None
    return mailbox.content_of(received)
