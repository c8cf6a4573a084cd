"""The control plane: accepts clients, takes signals, keeps the service manager informed, and leads the way out.

An ordinary anyio program on the main thread. It never touches a device, so nothing that a device does can stop it.
"""

import logging
import math
import signal

import anyio

from .channel import SocketListener, UnixListener
from .host.background import Background
from .host.systemd import manager_is_there, notify, watchdog_interval
from .iothread import IOThreads
from .server import Server

_log = logging.getLogger(__name__)

_STATUS_PAUSE = 1.0
"""Seconds between two reports of the status at the least."""


async def control(
    listener: SocketListener, server: Server, threads: IOThreads, stop_timeout: float, background: Background | None
) -> list[str]:
    """Serve until SIGTERM, SIGINT or SIGHUP, then let what is in flight end: the commands that did not in time."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with anyio.create_task_group() as helpers:
            helpers.start_soon(_ping_watchdog, threads)
            helpers.start_soon(_report_status, server)
            async with anyio.create_task_group() as serving:
                serving.start_soon(server.accept_clients, listener)
                _tell_ready(listener, background)
                async for number in signals:
                    _log.info("%s: stopping", signal.Signals(number).name)
                    break
                notify("STOPPING=1")
                serving.cancel_scope.cancel()
            close_listener(listener)
            stuck = await server.drain(stop_timeout)
            helpers.cancel_scope.cancel()
    return stuck


def close_listener(listener: SocketListener) -> None:
    """Listen no more; remove the socket file if it was made here. Harmless when that was done before."""
    if isinstance(listener, UnixListener) and not listener.closed:
        try:
            listener.remove_file()
        except OSError as error:
            _log.info("%s stays behind: %s; the next start replaces it", listener.path, error.strerror)
    listener.close()


def _tell_ready(listener: SocketListener, background: Background | None) -> None:
    where = listener.path if isinstance(listener, UnixListener) else "the socket that systemd passed"
    _log.info("listening on %s", where)
    if background is not None:
        background.tell_ready()
    notify("READY=1")


async def _ping_watchdog(threads: IOThreads) -> None:
    """Tell the service manager that we are alive, as long as leader and guard are: a dead disk does not count."""
    interval = watchdog_interval()
    if interval is None:
        return
    while True:
        if threads.alive():
            notify("WATCHDOG=1")
        else:
            _log.error("the I/O threads have not moved for %.1f s; the watchdog is not told otherwise", interval / 2)
        await anyio.sleep(interval / 2)


async def _report_status(server: Server) -> None:
    if not manager_is_there():
        return
    refresh = watchdog_interval() or math.inf
    while True:
        server.changed.clear()
        clients = server.client_count()
        notify(f"STATUS={clients} client{'' if clients == 1 else 's'}, {server.counters.commands} commands done")
        await anyio.sleep(_STATUS_PAUSE)
        with anyio.move_on_after(refresh):
            await anyio.wait_readable(server.changed.fileno())
