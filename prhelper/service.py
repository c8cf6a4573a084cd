"""The second half of start-up, told in order, and the way out: from a listening socket to the end.

Capabilities belong to threads, so everything that needs a privilege comes before the drop of privileges, and
everything that starts a thread comes after it.
"""

import contextlib
import functools
import importlib
import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType

import anyio

from . import devices, main_loop, place
from .channel import SocketListener, UnixListener
from .channel.socket_file import SocketFile
from .host import stand_in
from .host.errors import StartError
from .host.pidfile import Pidfile
from .host.privileges import Identity, drop_privileges
from .logs.handler import LogHandler, set_up, set_up_traces
from .logs.trace import Enabled
from .options import DEFAULT_PIDFILE, WORKER_PIDFILE, Options
from .preconditions import warn_about_what_is_missing
from .protocol import ON_BEHALF
from .replacing.asking import Predecessor
from .scheduler.iothread import IOThreads
from .scheduler.thread_pool import NoThreadError
from .serving.clients import Clients
from .serving.server import Server
from .start import Started

_log = logging.getLogger(__name__)

_LAST_WAIT = 1.0
"""Seconds for idle threads to end."""


def serve(options: Options, started: Started, made: contextlib.ExitStack, ready: threading.Event) -> int:
    """Serve until told to stop. Returns the exit status; `made` is told what to undo. Raises StartError and OSError.

    ready: set once clients are served.
    """
    listener = _listener(started)
    traces = started.asked.traces or Enabled(None, [])
    logs = _open_logs(options, started.managed, traces.output)
    for log in logs:
        made.callback(log.stop)  # writes what was logged so far, even if no thread was started
    if started.managed:
        made.push(_log_why_it_ended)
    pidfile = _pidfile(options, started.predecessor)
    if pidfile is not None:
        made.callback(pidfile.remove)

    # Nothing below needs more than one privilege.
    _import_the_rest(options, started)
    drop_privileges(started.asked.identity or Identity(None, None))
    warn_about_what_is_missing(options, started.open_files, traces.unknown)
    locked = started.predecessor.state_directory if started.predecessor is not None else None
    made_devices = devices.make(options, made, locked)
    if started.predecessor is not None:
        started.predecessor.close()

    # Only now, threads.
    threading.excepthook = functools.partial(_die_loudly, made)
    threads = IOThreads()
    per_process = None if options.multipath_worker else options.max_clients_per_process
    clients = Clients(options.max_clients, per_process, can_be_asked=started.control is not None)
    features = ON_BEHALF if options.multipath_worker else 0
    server = Server(threads, made_devices.for_client, clients, options.request_timeout, features)
    control = None
    if started.control is not None:
        from . import explaining

        facts = explaining.facts(options, started, made_devices.multipath)
        ask = made_devices.ask_multipathd
        control = explaining.make(started.control, facts, server, clients, threads, logs[0], ask)
    _start_threads(logs, threads, server, made_devices.start)

    # Serve until a stop signal.
    run = functools.partial(
        main_loop.run,
        control=control,
        mailboxes=started.mailboxes,
        emulated=made_devices.emulated,
        predecessor=started.predecessor,
        place=place.make(options, started, pidfile, made_devices),
    )
    stuck = anyio.run(run, listener, server, threads, options.stop_timeout, started.background, ready)

    # Finally, remove everything we made.
    for one in stuck:
        _log.error("abandoned, still in flight after --stop-timeout: %s", one)
    if control is not None:
        server.hang_up(control.listener)
    ended = threads.stop(_LAST_WAIT)
    made.close()
    if stuck or not ended or server.is_closing() or any(log.stuck for log in logs):
        # A thread is stuck in the kernel, where nothing can end it: exit without it.
        try:
            stand_in.end_for_the_manager()
        finally:
            os._exit(0)
    server.close()
    if control is not None:
        control.close()
    return 0


def _listener(started: Started) -> SocketListener:
    listening = started.listening
    return UnixListener(listening) if isinstance(listening, SocketFile) else SocketListener(listening)


def _pidfile(options: Options, predecessor: Predecessor | None) -> Pidfile | None:
    if not options.daemon and options.pidfile is None:
        return None
    path = options.pidfile or (WORKER_PIDFILE if options.multipath_worker else DEFAULT_PIDFILE)
    shared = None if predecessor is None else predecessor.pidfile(path)
    return shared or Pidfile(path)


def _log_why_it_ended(
    _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
) -> None:
    """Log what ends this process: what is written to standard error by now, libvirt may not read any more."""
    if isinstance(error, Exception):
        _log.critical("ended: %s", error, exc_info=None if isinstance(error, StartError) else error)


def _open_logs(options: Options, managed: bool, trace_output: int | None) -> list[LogHandler]:
    try:
        log = set_up(options.log, options.daemon, options.verbosity, unread=managed)
    except OSError as error:
        raise StartError(f"--log={options.log}: {error.strerror}") from error
    traces = set_up_traces(trace_output)
    return [log] if traces is None else [log, traces]


def _import_the_rest(options: Options, started: Started) -> None:
    """Import everything that would be imported later: without privileges Python's files may be unreadable."""
    anyio.run(anyio.sleep, 0)  # imports the event loop
    importlib.import_module("traceback")
    if options.multipath != "off" and os.geteuid() == 0:
        importlib.import_module("prhelper.device.multipath.executor")
    if started.control is not None:
        importlib.import_module("prhelper.explaining")
    if options.emulate is not None:
        importlib.import_module("prhelper.device.emulated.devices")
        importlib.import_module("prhelper.device.emulated.storage")
        importlib.import_module("prhelper.device.emulated.units")


def _start_threads(
    logs: list[LogHandler], threads: IOThreads, server: Server, start_devices: Callable[[], None]
) -> None:
    try:
        for log in logs:
            log.start()
        threads.start()
        server.start()
        start_devices()
    except NoThreadError as error:
        raise StartError(str(error)) from error
    except RuntimeError as error:
        raise StartError(f"{error}: allow more threads (TasksMax=, ulimit -u)") from error


def _die_loudly(made: contextlib.ExitStack, arguments: threading.ExceptHookArgs) -> None:
    """A bug ended one of our threads, outside any session: better to be restarted than to limp on."""
    try:
        _log.critical("a bug ended a thread; please report it", exc_info=arguments.exc_value)
        made.close()
    finally:
        os._exit(1)
