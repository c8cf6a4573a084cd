"""A restart that no client notices: from one start of a systemd unit to the next, by way of systemd's store.

The old process serves on until the commands that were in flight when it was told to stop have ended, or until
--stop-timeout. Then all clients go to the store, and it exits. systemd starts the next one when the old one is gone.
"""

import logging
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import anyio

from .channel import SocketListener
from .handover.store import FIRST, Store, take_first
from .host import fd_store
from .host.activation import Mailbox
from .host.systemd import notify
from .serving import handing_over
from .serving.handing_over import HandingOver
from .serving.server import Server

_log = logging.getLogger(__name__)

_NAME_AFTER = 1.0
"""Seconds after a stop signal when the log names what is still in flight."""

_MORE_TIME = 4.0
"""Seconds to ask for at a time: enough for a busy host, and for what is done after the last client has gone."""

_DROP_PATIENCE = 1.0
"""Seconds for a service manager that does not read: a mailbox that it keeps any longer is empty."""


class Emulated(Protocol):
    """The emulated units, which go along."""

    def leave(self) -> bytes:
        """All that they are."""

    def leave_unused(self) -> bytes | None:
        """All that they are, for a process that has them from now on; None while a command uses one."""

    def stay(self) -> None:
        """Undo `leave_unused`."""

    def go_on_from(self, data: bytes) -> None:
        """Be what was left. Raises ValueError."""

    def go_on_from_storage(self) -> None:
        """Be what a process that has died has stored. Raises ValueError."""


async def take_over(server: Server, mailboxes: Sequence[Mailbox], emulated: Emulated | None) -> None:
    """Go on with the clients of the last start, if it left any. Closes the mailboxes, and has them dropped."""
    count = 0
    for mailbox in sorted(mailboxes, key=lambda one: not one.name.endswith(FIRST)):
        with mailbox.socket as taking:
            if mailbox.name.endswith(FIRST):
                _take_first(taking, emulated)
            else:
                count += await handing_over.take_over(server, taking)
        with anyio.move_on_after(_DROP_PATIENCE):
            await fd_store.drop(mailbox.name)
    if mailboxes:
        _log.info("took over %d connections from the last start", count)


def _take_first(taking: socket.socket, emulated: Emulated | None) -> None:
    try:
        if (data := take_first(taking)) is not None and emulated is not None:
            emulated.go_on_from(data)
    except (OSError, ValueError) as error:
        _log.error("emulated reservations without APTPL are lost: %s", error)


async def keep_time() -> None:
    """Keep asking the service manager for a little more time, until cancelled.

    So the unit's own TimeoutStopSec= can be short. That is what systemd waits at each of its stages for a process that
    is stuck, before it starts another. What was asked for cannot be given back, hence a little.
    """
    while True:
        notify(f"EXTEND_TIMEOUT_USEC={_MORE_TIME * 1_000_000:.0f}")
        await anyio.sleep(_MORE_TIME / 4)


async def find_successor(server: Server, emulated: Emulated | None) -> "Successor | None":
    """The next start of the unit, if it may get the clients; None if they have to be hung up on."""
    if (store := await Store.open()) is None:
        return None
    notify("STOPPING=1")  # it has room, since it has just read all that there was
    return Successor(store, HandingOver(server, store.put), emulated)


class Successor:
    """What the clients are handed over to."""

    def __init__(self, store: Store, handing_over: HandingOver, emulated: Emulated | None) -> None:
        self._store = store
        self._emulated = emulated
        self._handing_over = handing_over

    async def finish_begun(self, timeout: float) -> None:
        """Wait for the commands in flight; all clients are served meanwhile."""
        async with anyio.create_task_group() as naming:
            naming.start_soon(name_what_is_waited_for, self._handing_over.unfinished)
            await self._handing_over.finish_begun(timeout)
            naming.cancel_scope.cancel()

    async def hand_over(self, listener: SocketListener) -> list[str]:
        """Hand over the clients. Returns what could not be, since it is in a command, in words."""
        stuck = await self._handing_over.run(listener)
        if self._emulated is not None and not await self._store.put_first(self._emulated.leave()):
            _log.warning(
                "emulated reservations without APTPL are lost: systemd keeps no more (FileDescriptorStoreMax=)"
            )
        self._store.close()
        notify("WATCHDOG=1")  # the last: it is not to count what a stuck process takes to end
        _log.info("left %d connections to the next start", self._handing_over.count)
        return stuck


async def name_what_is_waited_for(unfinished: Callable[[], list[str]]) -> None:
    """Name them well before libvirt loses patience and kills us, after 10 s."""
    await anyio.sleep(_NAME_AFTER)
    for one in unfinished():
        _log.warning("still waiting for %s", one)
