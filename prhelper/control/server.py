"""The control socket: who may connect, and one conversation a connection. Runs in the main thread, by anyio."""

import collections
import contextlib
import logging
import os
from collections.abc import Callable

import anyio

from ..channel import BrokenResourceError, SocketChannel, SocketListener
from ..logs.record import at_most
from ..serving.server import wait_for
from ..serving.watching import Watch, Watchers
from .connection import Connection
from .messages import Call, CallError, NotVarlinkError, error_reply, reply
from .methods import CONTROL, SERVICE, Methods, check_parameters
from .names import DeviceNames
from .turns import Turns
from .wording import event

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
"""Of these the daemon's own user may have half, so that root is never shut out by a daemon that was taken over.

Root may have all, though it shuts that user out then: it could end the daemon just as well.
"""

WATCH = f"{CONTROL}.WatchReservations"

_ACCEPT_PAUSE = 0.005
"""Seconds between two connections."""

_FAULT_PAUSE = 0.2
"""Seconds to pause after accepting has failed."""

_BATCH = 64
"""Events that one turn of a watcher may take."""

Close = Callable[[SocketChannel], None]
"""Closes a connection without blocking: what is unread in it may be descriptors."""


class ControlServer:
    """Serves a control socket. Owns neither the listener nor anything else that it is given but `methods`."""

    def __init__(
        self, listener: SocketListener, methods: Methods, watchers: Watchers, names: DeviceNames, close: Close
    ) -> None:
        self.listener = listener
        self._methods = methods
        self._watchers = watchers
        self._names = names
        self._close = close
        self._turns = Turns()
        self._by_user: collections.Counter[int] = collections.Counter()

    def close(self) -> None:
        """Close what this itself has open, once no thread runs any more."""
        self._methods.close()

    async def serve(self) -> None:
        """Serve each that connects and may, until cancelled."""
        async with anyio.create_task_group() as conversations:
            while True:
                try:
                    channel = await self.listener.accept()
                except OSError as error:
                    text = "cannot accept a connection to the control socket: %s; will try again"
                    _log.error(text, error.strerror, extra=at_most(1, "control accept"))
                    await anyio.sleep(_FAULT_PAUSE)
                    continue
                conversations.start_soon(self._welcome, channel)
                await anyio.sleep(_ACCEPT_PAUSE)

    async def _welcome(self, channel: SocketChannel) -> None:
        try:
            _, user, _ = channel.peer_credentials()
            if (reason := self._why_not(user)) is not None:
                _log.warning("control socket: turned away %s", reason, extra=at_most(3, "control"))
                return
            self._by_user[user] += 1
            try:
                await self._converse(Connection(channel))
            finally:
                self._by_user[user] -= 1
        except (NotVarlinkError, TimeoutError) as error:
            what = str(error) or "was silent for too long, or did not read"
            _log.info("control socket: hung up on a process that %s", what, extra=at_most(3, "control"))
        except (BrokenResourceError, OSError):
            pass  # it has gone
        except Exception as error:
            text = "control socket: a bug ended a connection; please report it"
            _log.critical(text, exc_info=error, extra=at_most(3, "control bug"))
        finally:
            self._close(channel)

    def _why_not(self, user: int) -> str | None:
        if user not in (0, os.geteuid()):
            return f"a process of uid {user}: it is for root and for prhelper's own user"
        if self._by_user.total() >= MAX_CONNECTIONS or (user and self._by_user[user] >= MAX_CONNECTIONS // 2):
            return f"a process of uid {user}: there are {self._by_user.total()} connections already"
        return None

    async def _converse(self, connection: Connection) -> None:
        while True:
            async with self._turns.turn():
                call = connection.next_call()
                answer = None if call is None else await self._answer(call)
            if call is None:
                await connection.wait()
                async with self._turns.turn():
                    if not connection.read():
                        return None
            elif answer is None:
                return await self._watch(connection)
            elif not call.oneway:
                await connection.send(answer)

    async def _watch(self, connection: Connection) -> None:
        """Pass on events until the peer hangs up, says anything, or reads too slowly; that ends the conversation."""
        with self._watchers.watching() as watch:
            await connection.send(reply({"ready": True}, continues=True))
            async with anyio.create_task_group() as both:

                async def pass_on() -> None:
                    await self._pass_on(connection, watch)
                    both.cancel_scope.cancel()

                both.start_soon(pass_on)
                await connection.wait(for_ever=True)
                both.cancel_scope.cancel()

    async def _pass_on(self, connection: Connection, watch: Watch) -> None:
        """Until the peer has gone, or has read too slowly and was told."""
        try:
            while watch.waiting or not watch.lost:
                await wait_for(watch.news)
                async with self._turns.turn():
                    data = await self._take(watch)
                await connection.send(data)
        except BrokenResourceError:
            return
        except TimeoutError:
            pass
        lost = watch.lost + watch.waiting
        _log.info("control socket: a process read reservations too slowly", extra=at_most(3, "control"))
        with contextlib.suppress(BrokenResourceError, TimeoutError):
            await connection.send(error_reply(CallError(f"{CONTROL}.TooSlow", lost=lost)))

    async def _take(self, watch: Watch) -> bytes:
        events = watch.take(_BATCH)
        await self._names.look_up(one.device for one in events)
        return b"".join(reply({"ready": False, "event": event(one, self._names)}, continues=True) for one in events)

    async def _answer(self, call: Call) -> bytes | None:
        """The one reply; None if events are to be passed on instead."""
        try:
            if call.method == WATCH:
                check_parameters(call, {})
                if not call.more:
                    raise CallError(f"{SERVICE}.ExpectedMore")
                return None
            return await self._methods.answer(call)
        except CallError as error:
            return error_reply(error)
