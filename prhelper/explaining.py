"""The control socket's server, made of what the options, the start and the devices say."""

import time
from pathlib import Path

from . import __version__
from .channel import UnixListener
from .channel.socket_file import SocketFile
from .control.facts import Facts, Multipath
from .control.methods import Methods
from .control.names import DeviceNames
from .control.reaching import AskMultipathd, Reaching
from .control.server import ControlServer
from .logs.handler import LogHandler
from .options import Options
from .preconditions import may_send_commands
from .scheduler.iothread import IOThreads
from .serving.clients import Clients
from .serving.server import Server
from .start import Started


def make(
    file: SocketFile,
    facts: Facts,
    server: Server,
    clients: Clients,
    threads: IOThreads,
    log: LogHandler,
    ask_multipathd: AskMultipathd | None,
) -> ControlServer:
    """Make one that listens on `file`, which it owns. ask_multipathd: see `devices.Made`."""
    names = DeviceNames(threads)
    methods = Methods(facts, clients, threads, log, names, Reaching(threads, ask_multipathd))
    return ControlServer(UnixListener(file), methods, clients.seen.watchers, names, server.hang_up_on)


def facts(options: Options, started: Started, multipath: Path | str | None) -> Facts:
    """What does not change from here on. multipath: see `devices.Made`."""
    listening = started.listening
    return Facts(
        version=__version__,
        role="worker" if options.multipath_worker else "helper",
        started_at=time.time(),
        socket=str(listening.path) if isinstance(listening, SocketFile) else None,
        sends_commands=may_send_commands(),
        emulate=options.emulate,
        open_files=started.open_files,
        command_timeout=options.timeout,
        request_timeout=options.request_timeout,
        stop_timeout=options.stop_timeout,
        multipath=_multipath(options.multipath, multipath),
    )


def _multipath(mode: str, acts: Path | str | None) -> Multipath:
    if acts is None:
        return Multipath(mode, "here")
    return Multipath(mode, "worker", str(acts)) if isinstance(acts, Path) else Multipath(mode, "no", reason=acts)
