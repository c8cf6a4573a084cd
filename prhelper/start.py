"""The first half of start-up, told in order: until clients can connect.

libvirt and its virtual machine wait for exactly that. So what is not needed for it is not imported here, or only where
an option needs it; tests/daemon/faults/start/test_imports.py has the list.
"""

import contextlib
import importlib.util
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .channel.socket_file import SocketFile, listen_at
from .host import file_lock
from .host.activation import Mailbox, Passed, adopt_passed
from .host.background import Background, go_into_background, open_standard_descriptors
from .host.environment import remove_variables_of_other_processes
from .host.errors import StartError, with_remedy
from .host.limits import raise_file_limit
from .host.signals import STOP_SIGNALS
from .options import DEFAULT_SOCKET, Options

if TYPE_CHECKING:
    from .host.privileges import Identity
    from .logs.trace import Enabled
    from .replacing.asking import Predecessor


class Asked(NamedTuple):
    """What some options ask for; None without the option.

    identity: the user and group to switch to. traces: where traces go.
    """

    identity: "Identity | None"
    traces: "Enabled | None"


class Started(NamedTuple):
    """What the second half goes on with.

    listening: the socket with its file; or the bare socket that systemd passed. Owned by the second half.
    control: the control socket, if there is to be one; owned by the second half, too.
    mailboxes: what an earlier start of the unit has left, with its clients. Owned by the second half as well.
    background: how to tell the parent that waits; None in the foreground.
    open_files: how many may be open.
    managed: whether libvirt, or something like it, started this process: it reads standard error no longer than until
        the socket is there, and closes it then, whatever is in the pipe.
    predecessor: the process whose place this one is to take.
    """

    listening: SocketFile | socket.socket
    control: SocketFile | None
    mailboxes: tuple[Mailbox, ...]
    asked: Asked
    background: Background | None
    open_files: int
    managed: bool
    predecessor: "Predecessor | None" = None


def start(options: Options, made: contextlib.ExitStack) -> Started:
    """Listen, and go into the background; `made` is told what to undo. Raises StartError and OSError."""
    # First, everything that can be wrong with the options, while there is a terminal to report it on.
    open_standard_descriptors()
    managed = file_lock.keep_inherited()
    remove_variables_of_other_processes()
    open_files = raise_file_limit()
    asked = _ask(options)
    _check_installation()

    # From here on there is something to clean up, so a stop signal waits until the main loop takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    passed = adopt_passed()
    predecessor = _ask_predecessor(options, passed)
    listening = _listen(options, passed, predecessor)
    if isinstance(listening, SocketFile):
        made.callback(_remove, listening)
    if (control := _listen_for_control(options, asked, predecessor)) is not None:
        made.callback(_remove, control)

    # Next, the background; the parent waits until we are ready or dead.
    background = go_into_background() if options.daemon else None
    return Started(listening, control, passed.mailboxes, asked, background, open_files, managed, predecessor)


def _ask(options: Options) -> Asked:
    """Look at what can be wrong with those options that are given. Raises StartError."""
    identity = traces = None
    if options.trace:
        from .logs import trace

        traces = trace.enable(options.trace)
    if options.user is not None or options.group is not None:
        from .host.accounts import look_up

        identity = look_up(options.user, options.group)
    if options.multipath == "on":
        from .preconditions import refuse_multipath

        refuse_multipath(options, identity.uid if identity else None)
    return Asked(identity, traces)


def _check_installation() -> None:
    """Look for the one package that is not our own, without importing it.

    libvirt shows why a start failed only if the socket was not there yet. Raises StartError.
    """
    if importlib.util.find_spec("anyio") is None:
        raise StartError("cannot start: the Python package anyio is missing; install it, or prhelper anew")


def _ask_predecessor(options: Options, passed: Passed) -> "Predecessor | None":
    if not options.replace:
        return None
    if passed.listening is not None:
        raise StartError("--replace cannot be used with socket activation: systemctl restart keeps all connections")
    from .replacing.asking import ask

    return ask(_path(options), "worker" if options.multipath_worker else "helper", options.emulate is not None)


def _path(options: Options) -> Path:
    return options.socket or (options.multipath_socket if options.multipath_worker else DEFAULT_SOCKET)


def _listen(options: Options, passed: Passed, predecessor: "Predecessor | None") -> SocketFile | socket.socket:
    if passed.listening is not None:
        if options.socket is not None:
            raise StartError(f"--socket {options.socket} cannot be used with socket activation: remove one of the two")
        return passed.listening
    path = _path(options)
    if predecessor is not None:
        return predecessor.listening(path)
    try:
        return listen_at(path, options.socket_mode, backlog=options.max_clients)
    except OSError as error:
        raise StartError(f"--socket {path}: {with_remedy(error)}") from error


def _listen_for_control(options: Options, asked: Asked, predecessor: "Predecessor | None") -> SocketFile | None:
    """Listen on the control socket; only root, and the user that this process will be, may connect."""
    directory = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    path = options.control or (Path(directory, "control") if directory else None)
    if path is None:
        return None
    user = None if asked.identity is None else asked.identity.uid
    file = None if predecessor is None else predecessor.control(path)
    try:
        file = file or listen_at(path)
        owner = os.geteuid() if user is None else user
        if path.stat().st_uid != owner:  # the unit's sandbox forbids chown, whatever it would change
            os.chown(path, owner, -1)
    except OSError as error:
        if file is not None:
            _remove(file)
        raise StartError(f"--control {path}: {with_remedy(error)}") from error
    return file


def _remove(file: SocketFile) -> None:
    with contextlib.suppress(OSError):  # the next start replaces it
        file.remove()
