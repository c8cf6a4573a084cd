"""Start-up and shut-down, told in order.

Capabilities belong to threads, so everything that needs a privilege comes before the drop of privileges, and
everything that starts a thread comes after it.
"""

import contextlib
import errno
import functools
import importlib
import logging
import os
import signal
import threading
from collections.abc import Callable

import anyio

from . import devices, main_loop
from .channel import SocketListener, UnixListener
from .channel import run as run_in_thread
from .host import file_lock
from .host.accounts import look_up
from .host.background import go_into_background, open_standard_descriptors
from .host.environment import remove_variables_of_other_processes
from .host.errors import StartError
from .host.pidfile import Pidfile
from .host.privileges import drop_privileges
from .host.systemd import adopt_listening_socket
from .logs import trace
from .logs.handler import LogHandler, set_up, set_up_traces
from .main_loop import STOP_SIGNALS, remove_socket_file
from .options import DEFAULT_PIDFILE, DEFAULT_SOCKET, Options
from .preconditions import raise_file_limit, refuse_multipath, warn_about_what_is_missing
from .scheduler.iothread import IOThreads
from .scheduler.thread_pool import NoThreadError
from .serving.clients import Clients
from .serving.server import Server

_log = logging.getLogger(__name__)

_LAST_WAIT = 1.0
"""Seconds for idle threads to end."""

_REMEDIES = {
    errno.EEXIST: "; remove it, or choose another path",
    errno.EADDRINUSE: "; stop that process, or choose another path",
    errno.ENOENT: "; make its directory first",
    errno.EMFILE: "; raise the limit of open files (LimitNOFILE=, ulimit -n)",
    errno.EAGAIN: "; allow more processes (TasksMax=, ulimit -u)",
    errno.EACCES: "; run prhelper as a user who may write there",
}


def run(options: Options) -> int:
    """Serve until told to stop. Returns the exit status. Raises StartError."""
    ready = threading.Event()
    try:
        return _run_or_clean_up(options, ready)
    except (OSError, ImportError, MemoryError) as error:
        if ready.is_set():
            raise
        raise StartError(_in_words(error)) from error


def _run_or_clean_up(options: Options, ready: threading.Event) -> int:
    try:
        return _run(options, ready)
    except BaseException:
        # All that was made is removed. What is left is to say why, perhaps on a terminal that blocks.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        raise


def _in_words(error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"cannot start: {error or 'out of memory'}"
    where = f"{error.filename}: " if error.filename else "cannot start: "
    return f"{where}{error.strerror}{_REMEDIES.get(error.errno or 0, '')}"


def _run(options: Options, ready: threading.Event) -> int:
    with contextlib.ExitStack() as made:
        # First, everything that can be wrong with the options, while there is a terminal to report it on.
        open_standard_descriptors()
        file_lock.keep_inherited()
        remove_variables_of_other_processes()
        traces = trace.enable(options.trace)
        open_files = raise_file_limit()
        identity = look_up(options.user, options.group)
        refuse_multipath(options, identity.uid)

        # From here on there is something to clean up, so a stop signal waits until the main loop takes it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        listener = _listen(options)
        made.callback(remove_socket_file, listener)

        # Next, the background; the parent waits until we are ready or dead.
        background = go_into_background() if options.daemon else None
        logs = _open_logs(options, traces.output)
        for log in logs:
            made.callback(log.stop)  # writes what was logged so far, even if no thread was started
        if options.daemon or options.pidfile is not None:
            pidfile = Pidfile(options.pidfile or DEFAULT_PIDFILE)
            made.callback(pidfile.remove)

        # Nothing below needs more than one privilege.
        _import_the_rest(options)
        drop_privileges(identity)
        warn_about_what_is_missing(options, open_files, traces.unknown)
        made_devices = devices.make(options, made)

        # Only now, threads.
        threading.excepthook = functools.partial(_die_loudly, made)
        threads = IOThreads()
        clients = Clients(options.max_clients, options.max_clients_per_process)
        server = Server(threads, made_devices.for_client, clients, options.request_timeout)
        _start_threads(logs, threads, server, made_devices.start)

        # Serve until a stop signal.
        stuck = anyio.run(main_loop.run, listener, server, threads, options.stop_timeout, background, ready)

        # Finally, remove everything we made.
        for one in stuck:
            _log.error("abandoned, still in flight after --stop-timeout: %s", one)
        ended = threads.stop(_LAST_WAIT)
        made.close()
        if stuck or not ended or server.is_closing() or any(log.stuck for log in logs):
            # A thread is stuck in the kernel, where nothing can end it: exit without it.
            os._exit(0)
        server.close()
    return 0


def _import_the_rest(options: Options) -> None:
    """Import everything that would be imported later: without privileges Python's files may be unreadable."""
    anyio.run(anyio.sleep, 0)  # imports the event loop
    importlib.import_module("traceback")
    if options.multipath != "off" and os.geteuid() == 0:
        importlib.import_module("prhelper.device.multipath.executor")
    if options.emulate is not None:
        importlib.import_module("prhelper.device.emulated.devices")
        importlib.import_module("prhelper.device.emulated.storage")
        importlib.import_module("prhelper.device.emulated.units")


def _listen(options: Options) -> SocketListener:
    if (passed := adopt_listening_socket()) is not None:
        if options.socket is not None:
            raise StartError(f"--socket {options.socket} cannot be used with socket activation: remove one of the two")
        return SocketListener(passed)
    path = options.socket or DEFAULT_SOCKET
    try:
        return run_in_thread(UnixListener.bind(path, options.socket_mode, backlog=options.max_clients))
    except OSError as error:
        raise StartError(f"--socket {path}: {error.strerror}{_REMEDIES.get(error.errno or 0, '')}") from error


def _open_logs(options: Options, trace_output: int | None) -> list[LogHandler]:
    try:
        log = set_up(options.log, options.daemon, options.verbosity)
    except OSError as error:
        raise StartError(f"--log={options.log}: {error.strerror}") from error
    traces = set_up_traces(trace_output)
    return [log] if traces is None else [log, traces]


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
