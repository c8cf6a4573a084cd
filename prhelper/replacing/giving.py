"""Gives the place of this process to another start that asks for it. In the main thread."""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from ..channel import BrokenResourceError, SocketChannel
from ..handover import mailbox, offer
from ..handover.offer import Offer
from ..host.equals import why_not_equal
from ..logs.record import at_most
from ..restart import Emulated
from ..serving.server import Server
from .latecomers import Latecomers
from .successor import Successor

_log = logging.getLogger(__name__)

_FEW = at_most(3, "replace")

_TO_START = 60.0
"""Seconds for the other start until it is ready; clients are served all the while."""


class Gift(NamedTuple):
    """Something that the other process may go on with.

    fd: of which it gets a duplicate. give_up: leaves the thing to it.
    """

    fd: Callable[[], int]
    give_up: Callable[[], None]


class Place(NamedTuple):
    """What another start may take the place of.

    role: helper or worker. gifts: by name (`offer`). why_not: why this process is not to be replaced at all.
    leave: called once another process has taken its place, to stop whatever it does beside its commands in flight.
    """

    role: str
    gifts: Mapping[str, Gift]
    why_not: str | None
    leave: Callable[[], None]


def _leave_nothing() -> None:
    """There is nothing to stop."""


NO_PLACE = Place("helper", {}, "it is not to be replaced", _leave_nothing)


class Giving:
    """Who asks to take the place of this process, and who of them gets it: one at a time."""

    def __init__(self, server: Server, place: Place, tasks: TaskGroup) -> None:
        self._server = server
        self._place = place
        self._tasks = tasks
        self._why_never = place.why_not
        self._successor: Successor | None = None
        self._ready = anyio.Event()
        server.asked_to_replace = self._answer

    async def wait(self) -> None:
        """Wait until another start is ready to take the place of this process."""
        await self._ready.wait()

    async def hand_over(self, emulated: Emulated | None, latecomers: Latecomers) -> bool:
        """Let the start that is ready take the place of this process; False if it has not, and all is as before."""
        successor = self._successor
        if successor is None or not await successor.hand_over(self._server, emulated, latecomers):
            self._forget()
            return False
        self._why_never = "it has been replaced"
        for name in successor.used:  # first: whatever happens next, they are not removed here
            self._place.gifts[name].give_up()
        successor.let_go()
        self._place.leave()
        return True

    async def finish(self) -> None:
        """Let the clients follow that were in a command."""
        if self._successor is not None:
            await self._successor.finish()

    def stop(self) -> None:
        """Let no start take the place of this process any more."""
        self._why_never = "it was told to stop"
        if self._successor is not None:
            self._successor.refuse(self._why_never)

    def close(self) -> None:
        """Close what this itself has open."""
        self._server.asked_to_replace = None
        self._forget()

    def _forget(self) -> None:
        if self._successor is not None:
            self._successor.close()
        self._successor = None
        if self._ready.is_set():  # else somebody may wait for it
            self._ready = anyio.Event()

    def _answer(self, channel: SocketChannel) -> None:
        pid, uid, _ = channel.peer_credentials()
        reason = self._why_not(channel, pid, uid)
        try:
            if reason is not None:
                _log.warning("process %d of uid %d is not to replace this one: %s", pid, uid, reason, extra=_FEW)
                _say(channel, offer.encode_refusal(reason))
            elif (end := self._offer(channel)) is not None:
                self._successor = Successor(end, pid)
                self._tasks.start_soon(self._wait_until_ready, self._successor)
        except BrokenResourceError:
            pass  # it has gone
        except OSError as error:
            _log.error("process %d cannot replace this one: %s", pid, error.strerror, extra=_FEW)
            _say(channel, offer.encode_refusal(f"it has no descriptor to spare: {error.strerror}"))
        finally:
            self._server.hang_up_on(channel)

    def _why_not(self, channel: SocketChannel, pid: int, uid: int) -> str | None:
        if (reason := why_not_equal(pid, uid)) is not None:
            return reason
        if channel.peer_has_ended():
            return "the process that asked has ended"
        if self._successor is not None:
            return f"process {self._successor.pid} is about to take its place already"
        return self._why_never

    def _offer(self, channel: SocketChannel) -> socket.socket | None:
        giving, taking = mailbox.pair()
        with taking:
            made = offer.encode(Offer(os.getpid(), self._place.role, tuple(self._place.gifts)))
            fds = [taking.fileno(), *(gift.fd() for gift in self._place.gifts.values())]
            try:
                if channel.writev([made], fds) == len(made):
                    return giving
            except BaseException:
                giving.close()
                raise
        giving.close()
        return None

    async def _wait_until_ready(self, successor: Successor) -> None:
        _log.info("process %d is starting, to take the place of this one", successor.pid)
        with anyio.move_on_after(_TO_START):
            if await successor.is_ready(set(self._place.gifts)):
                self._ready.set()
                return
        _log.warning("process %d has not started; serving on", successor.pid)
        if successor is self._successor:
            successor.refuse("it took too long to start")
            self._forget()


def _say(channel: SocketChannel, data: bytes) -> None:
    with contextlib.suppress(BrokenResourceError):  # it has gone
        channel.writev([data])
