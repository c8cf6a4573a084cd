"""The process that is to take the place of this one, as this one sees it: until that is decided, and after it."""

import errno
import logging
import socket
from collections.abc import Collection, Sequence

import anyio

from ..handover import mailbox, offer
from ..restart import Emulated
from ..serving.copying import Copying
from ..serving.server import Server
from .latecomers import Latecomers
from .messages import next_message

_log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds for all that is between the last answer here and the first there: all clients wait then."""

_PUT_PATIENCE = 3.0
"""Seconds for the other process to make room in the mailbox."""

_UNITS_PATIENCE = 2.0
"""Seconds for commands on emulated units to end."""

_PAUSE = 0.01
"""Seconds between two attempts at something that gives no event."""


class Successor:
    """The process `pid`, at the other end of a mailbox, of which this owns its own.

    pid: of the one that asked; from then on, if that is its child in the background, of the one that is ready.
    used: what it goes on with (`offer`), once it is ready.
    """

    def __init__(self, end: socket.socket, pid: int) -> None:
        self.pid = pid
        self.used: list[str] = []
        self._end = end
        self._copying: Copying | None = None
        self._emulates = False
        self._was_stopped = False

    async def is_ready(self, offered: Collection[str]) -> bool:
        """Wait until it is; False if it has ended instead."""
        try:
            ready, pid, *self.used = (await self._next()).decode().split()
            self.pid = int(pid)
        except (OSError, ValueError):
            return False
        return ready.encode() == offer.READY and set(self.used) <= set(offered)

    async def hand_over(self, server: Server, emulated: Emulated | None, latecomers: Latecomers) -> bool:
        """Let it take the place of this process, or let nothing have happened. Returns which.

        Each step copies, until it says that it has all. No client may be accepted any more.
        """
        self._emulates = emulated is not None
        self._copying = copying = Copying(server, self._put, self._may_stay)
        try:
            with anyio.fail_after(_PATIENCE):
                await copying.copy()
                await self._copy_the_rest(emulated, latecomers)
                if await self._next() == offer.TAKEN:
                    return True
                reason = "it is out of order"
        except OSError as error:  # TimeoutError is one
            reason = error.strerror or "it took too long"
        if self._has_taken_after_all(reason):
            return True
        _log.warning("process %d has not taken the place of this one: %s; serving on", self.pid, reason)
        if emulated is not None:
            emulated.stay()
        copying.go_on()
        return False

    def let_go(self) -> None:
        """It has taken the place of this process: close what it has copies of."""
        if self._copying is not None:
            _log.info("process %d has taken the place of this one, with %d connections", self.pid, self._copying.count)
            self._copying.let_go()

    async def finish(self) -> None:
        """Let the clients follow that were in a command, as their commands end; until no client is left."""
        if self._copying is not None:
            await self._copying.finish()

    def refuse(self, reason: str) -> None:
        """Tell it that it is not to take the place of this process; that counts unless it has done so."""
        try:
            mailbox.put(self._end, offer.REFUSED + reason.encode(), [])
        except OSError:  # it has ended
            return

    def close(self) -> None:
        """Close this end: what is put in already still arrives."""
        self._end.close()

    async def _copy_the_rest(self, emulated: Emulated | None, latecomers: Latecomers) -> None:
        if emulated is not None:
            with mailbox.file_of(await _leave_unused(emulated)) as file:
                await self._put(offer.EMULATED, [file.fileno()])
        for fds in latecomers.in_messages():
            await self._put(offer.LEFT, fds)
        await self._put(offer.COPIED, [])

    def _has_taken_after_all(self, reason: str) -> bool:
        """Decide: it has, or it cannot any more."""
        self.refuse(reason)
        self._end.shutdown(socket.SHUT_RD)  # nothing arrives from here on, and it is told so
        try:
            while (received := mailbox.take(self._end)) is not None:
                if received.data == offer.TAKEN:
                    return True
        except OSError:
            pass
        return False

    def _may_stay(self) -> bool:
        """Whether a client that cannot follow may go on here: its successor was killed, but not told to stop."""
        try:
            received = mailbox.take(self._end)
        except OSError:
            received = None
        if received is not None and received.data == offer.STOPPED:
            self._was_stopped = True
        return not self._was_stopped and not self._emulates

    async def _put(self, data: bytes, fds: Sequence[int]) -> None:
        with anyio.fail_after(_PUT_PATIENCE):
            while not mailbox.put(self._end, data, fds):
                await anyio.sleep(_PAUSE)

    async def _next(self) -> bytes:
        """The next message. Raises OSError if there is none any more."""
        received = await next_message(self._end)
        if received is None:
            raise ConnectionResetError(errno.ECONNRESET, "it has ended")
        for fd in received.fds:
            fd.close()
        return received.data


async def _leave_unused(emulated: Emulated) -> bytes:
    """The emulated units, once no command uses one. Raises TimeoutError."""
    with anyio.move_on_after(_UNITS_PATIENCE):
        while (left := emulated.leave_unused()) is None:
            await anyio.sleep(_PAUSE)
        return left
    raise TimeoutError(errno.ETIMEDOUT, "a command on an emulated unit does not end: see to the disk of its directory")
