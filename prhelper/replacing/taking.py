"""The second half of a start with --replace: takes the place of the other process, or fails and leaves it as it was."""

import logging
import os
import socket

import anyio

from ..handover import mailbox, offer
from ..handover.mailbox import Received
from ..handover.message import HandoverError
from ..host.errors import StartError
from ..restart import Emulated
from ..serving import handing_over
from ..serving.server import Server
from .asking import Predecessor
from .latecomers import Latecomers
from .messages import next_message

_log = logging.getLogger(__name__)

_PATIENCE = 30.0
"""Seconds for the other process to give all that it has; it gives up sooner itself."""


async def take_the_place(
    predecessor: Predecessor, server: Server, emulated: Emulated | None, latecomers: Latecomers
) -> None:
    """Take the place of the process that is to be replaced. Raises StartError: then it serves on, with all clients."""
    taking = Taking(predecessor.mailbox)
    try:
        with anyio.fail_after(_PATIENCE):
            await taking.receive(" ".join(predecessor.used))
        left = mailbox.content_of(taking.units)
        if emulated is not None:
            emulated.go_on_from_storage() if left is None else emulated.go_on_from(left)
        await taking.commit()
    except TimeoutError as error:
        raise StartError(f"--replace: process {predecessor.pid} did not hand its clients over in time") from error
    except offer.RefusedError as error:
        raise StartError(f"--replace: process {predecessor.pid} cannot be replaced now: {error}") from error
    except (OSError, ValueError, HandoverError) as error:
        raise StartError(f"--replace: process {predecessor.pid} cannot be replaced: {error}") from error
    for own in predecessor.owning:
        own()
    count = 0
    for received in taking.clients:
        count += await handing_over.take_over_some(server, received)
    latecomers.expect([predecessor.mailbox, *taking.mailboxes])
    _log.info("took the place of process %d, with %d connections", predecessor.pid, count)


class Taking:
    """What has come so far.

    units: the message with the emulated ones. clients: those with clients. mailboxes: of processes replaced earlier.
    """

    def __init__(self, mailbox: socket.socket) -> None:
        self._mailbox = mailbox
        self._has_ended = False
        self.units: Received | None = None
        self.clients: list[Received] = []
        self.mailboxes: list[socket.socket] = []

    async def receive(self, used: str) -> None:
        """Say that all is ready, and get everything; less, if the other process dies meanwhile."""
        self._say(b"%b %d %b" % (offer.READY, os.getpid(), used.encode()))
        while (received := await self._next()) is not None and received.data != offer.COPIED:
            if not received.is_whole:
                raise HandoverError(mailbox.NOT_ARRIVED)
            if received.data == offer.EMULATED:
                self.units = received
            elif received.data == offer.LEFT:
                self.mailboxes += [socket.socket(fileno=fd.detach()) for fd in received.fds]
            else:
                handing_over.check(received)
                self.clients.append(received)

    async def commit(self) -> None:
        """Make it count. Raises RefusedError if the other process has changed its mind before."""
        if self._say(offer.TAKEN) or self._has_ended:
            return
        while (received := await self._next()) is not None:
            for fd in received.fds:
                fd.close()

    def _say(self, data: bytes) -> bool:
        try:
            return mailbox.put(self._mailbox, data, [])
        except (BrokenPipeError, ConnectionResetError):  # it has died; or it has refused, and that is still to be read
            return False

    async def _next(self) -> Received | None:
        """None if the other process has ended. Raises RefusedError."""
        received = await next_message(self._mailbox)
        if received is None:
            self._has_ended = True
            _log.warning("the process that was to be replaced has died; going on without it")
        elif received.data.startswith(offer.REFUSED):
            raise offer.RefusedError(received.data.removeprefix(offer.REFUSED).decode(errors="replace"))
        return received
