"""The main thread, or control plane: accepts clients, takes signals, informs the service manager, and shuts down.

It is an ordinary anyio program. It never touches a device, so no device can block it.
"""

import functools
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import anyio

from . import restart
from .channel import SocketListener, UnixListener
from .handover.offer import STOPPED
from .host.activation import Mailbox
from .host.background import Background
from .host.errors import StartError
from .host.signals import STOP_SIGNALS
from .host.systemd import manager_is_there, notify, notify_until_taken, watchdog_interval
from .logs.record import at_most
from .replacing.asking import Predecessor
from .replacing.giving import NO_PLACE, Giving, Place
from .replacing.latecomers import Latecomers
from .replacing.taking import take_the_place
from .scheduler.iothread import IOThreads
from .serving.server import Server, wait_for

if TYPE_CHECKING:
    from .control.server import ControlServer

_log = logging.getLogger(__name__)

_STATUS_PAUSE = 1.0
"""Minimum seconds between two status reports."""

_STATUS_REFRESH = 30.0
"""Seconds after which the status is checked even if no client came or went."""

_STOPPING_PATIENCE = 1.0
"""Seconds for the service manager to take STOPPING=1, once all else is done."""


async def run(
    listener: SocketListener,
    server: Server,
    threads: IOThreads,
    stop_timeout: float,
    background: Background | None,
    ready: threading.Event,
    control: "ControlServer | None" = None,
    mailboxes: Sequence[Mailbox] = (),
    emulated: restart.Emulated | None = None,
    predecessor: Predecessor | None = None,
    place: Place = NO_PLACE,
) -> list[str]:
    """Serve until SIGTERM, SIGINT or SIGHUP, then let commands in flight finish. Returns those that did not, in words.

    ready: set once clients are served. mailboxes: those of an earlier start of the unit, with its clients.
    emulated: the units that go along with them.
    control: answers until all else is done.
    predecessor: the process whose place this one takes. place: what this one leaves to another start.
    Those signals must be blocked on entry, and are blocked again on return: a second one changes nothing.
    Raises StartError if the predecessor's place cannot be taken, or if it is told to stop before that.
    """
    latecomers = Latecomers(server)
    with anyio.open_signal_receiver(*STOP_SIGNALS) as signals:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        if predecessor is not None:
            take = functools.partial(take_the_place, predecessor, server, emulated, latecomers)
            await _unless_stopped(signals, take, predecessor.pid)
        async with anyio.create_task_group() as helpers:
            giving = Giving(server, place, helpers)
            helpers.start_soon(_ping_watchdog, threads)
            helpers.start_soon(_report_status, server)
            if control is not None:
                helpers.start_soon(control.serve)
            await restart.take_over(server, mailboxes, emulated)
            while True:
                async with anyio.create_task_group() as serving:
                    serving.start_soon(server.accept_clients, listener)
                    serving.start_soon(latecomers.serve)
                    if not ready.is_set():
                        _tell_ready(listener, background)
                        ready.set()
                        serving.start_soon(notify_until_taken, "READY=1")
                    number = await _signal_before(signals, giving.wait)
                    if number is not None:
                        _log.info("%s: stopping", signal.Signals(number).name)
                        giving.stop()
                        helpers.start_soon(restart.keep_time)
                        successor = await restart.find_successor(server, emulated)
                        if successor is not None:
                            await successor.finish_begun(stop_timeout)
                    serving.cancel_scope.cancel()
                if number is not None or await giving.hand_over(emulated, latecomers):
                    break
            if number is None:
                stuck = []
            elif successor is not None:
                stuck = await successor.hand_over(listener)
            else:
                stuck = await _stop(listener, server, stop_timeout)
            helpers.cancel_scope.cancel()
        latecomers.close(STOPPED if number is not None else None)
        if number is None:
            server.hang_up(listener)
            if control is not None:
                server.hang_up(control.listener)
            stuck = await _finish(giving, listener, server, signals, stop_timeout)
        giving.close()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    return stuck


async def _unless_stopped(
    signals: AsyncIterator[signal.Signals], take: Callable[[], Awaitable[None]], predecessor: int
) -> None:
    """Take the place of another process, unless told to stop before. Raises StartError then, and as `take` does."""
    taken = False

    async def take_it() -> None:
        nonlocal taken
        await take()
        taken = True

    number = await _signal_before(signals, take_it)
    if number is None:
        return
    if not taken:
        name = signal.Signals(number).name
        raise StartError(f"--replace: stopped by {name} before it took over; process {predecessor} serves on")
    signal.raise_signal(number)  # it came at the same moment, so it is to stop what serves by now


async def _signal_before(
    signals: AsyncIterator[signal.Signals], wait: Callable[[], Awaitable[None]]
) -> signal.Signals | None:
    """Wait for a signal; None if `wait` returns first. Raises the StartError that it raises."""
    received = failure = None
    async with anyio.create_task_group() as both:

        async def wait_for_signal() -> None:
            nonlocal received
            received = await anext(signals)
            both.cancel_scope.cancel()

        both.start_soon(wait_for_signal)
        try:
            await wait()
        except StartError as error:  # the group would wrap it
            failure = error
        both.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return received


async def _finish(
    giving: Giving,
    listener: SocketListener,
    server: Server,
    signals: AsyncIterator[signal.Signals],
    timeout: float,
) -> list[str]:
    """Another process serves. See to the commands that are in flight here; a signal ends that as any other stop."""
    async with anyio.create_task_group() as both:
        both.start_soon(restart.name_what_is_waited_for, server.unfinished)

        async def finish() -> None:
            await giving.finish()
            both.cancel_scope.cancel()

        both.start_soon(finish)
        number = await anext(signals)
        _log.info("%s: stopping", signal.Signals(number).name)
        both.cancel_scope.cancel()
    return await server.drain(listener, timeout)


async def _stop(listener: SocketListener, server: Server, timeout: float) -> list[str]:
    async with anyio.create_task_group() as telling:
        telling.start_soon(notify_until_taken, "STOPPING=1")
        remove_socket_file(listener)
        async with anyio.create_task_group() as naming:
            naming.start_soon(restart.name_what_is_waited_for, server.unfinished)
            stuck = await server.drain(listener, timeout)
            naming.cancel_scope.cancel()
        telling.cancel_scope.deadline = anyio.current_time() + _STOPPING_PATIENCE
    return stuck


def remove_socket_file(listener: SocketListener) -> None:
    """Remove the socket file if we made it; log it if that is not permitted."""
    if isinstance(listener, UnixListener):
        try:
            listener.remove_file()
        except OSError as error:
            # No news where the directory is another user's, as libvirt's is: at the end of each of its machines.
            level = logging.DEBUG if isinstance(error, PermissionError) else logging.INFO
            _log.log(level, "%s stays behind: %s; the next start replaces it", listener.path, error.strerror)


def _tell_ready(listener: SocketListener, background: Background | None) -> None:
    where = listener.path if isinstance(listener, UnixListener) else "the socket that systemd passed"
    _log.info("listening on %s", where)
    if background is not None:
        background.tell_ready()


async def _ping_watchdog(threads: IOThreads) -> None:
    """Tell the service manager that we are alive while leader and guard are: a dead disk does not matter."""
    interval = watchdog_interval()
    if interval is None:
        return
    pause = interval / 2
    while True:
        await anyio.sleep(pause)
        if threads.heartbeat():
            notify("WATCHDOG=1")
            pause = interval / 2
        else:
            _log.error(
                "the I/O threads have not moved; the watchdog of systemd will end this process unless they do",
                extra=at_most(3, "watchdog"),
            )
            pause = interval / 8


async def _report_status(server: Server) -> None:
    if not manager_is_there():
        return
    told = ""
    while True:
        server.changed.clear()
        if (status := server.status()) != told and notify(f"STATUS={status}"):
            told = status
        await anyio.sleep(_STATUS_PAUSE)
        if status != told:  # the manager had no room
            continue
        with anyio.move_on_after(_STATUS_REFRESH):
            await wait_for(server.changed)
