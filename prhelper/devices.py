"""What carries out commands, made as the options say: SCSI devices, multipath maps, emulated units."""

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .channel import OwnedFd
from .device.dispatch import NO_MAP, Devices, MapExecutors
from .device.multipath.reporting import origin_of
from .device.multipath.worker import Worker
from .device.scsi_device import ScsiDevice
from .device.stack import multipath_maps, name_of
from .host.errors import StartError
from .host.peer import Peer
from .options import DEFAULT_STATE_DIRECTORY, WORKER_STATE_DIRECTORY, Options
from .preconditions import may_send_commands, why_no_multipath
from .serving.server import DevicesFor

if TYPE_CHECKING:
    from .device.emulated.units import Units
    from .device.multipath.executor import Multipath
    from .device.multipath.multipathd import Reply

_log = logging.getLogger(__name__)


class Made(NamedTuple):
    """What carries out commands.

    for_client: makes the devices as one client meets them.
    multipath: who acts on maps: None for this process, the socket of a worker, or in words why nobody does as yet.
    start: starts the threads of its own; raises RuntimeError if it cannot.
    leave: has the threads of its own stop soon, since another process has taken the place of this one.
    emulated: the emulated units, which the next process goes on with.
    ask_multipathd: see `Multipath`; None if this process does not act on maps.
    """

    for_client: DevicesFor
    multipath: Path | str | None
    start: Callable[[], None]
    leave: Callable[[], None]
    emulated: "Units | None" = None
    ask_multipathd: "Callable[[], Reply | None] | None" = None


def make(options: Options, made: contextlib.ExitStack, locked: OwnedFd | None = None) -> Made:
    """Make all of it, after the privileges were dropped; `made` is told what to undo. Raises StartError.

    locked: the directory of emulated units as the process has it locked whose place this one is to take.
    """
    multipath = _make_multipath(options)
    for_client, units = _make_devices(options, multipath, made, locked)
    if isinstance(multipath, str):
        return Made(for_client, _cannot(multipath), _do_nothing, _do_nothing, units)
    if isinstance(multipath, Worker):
        if (reason := multipath.why_not()) is not None:
            return Made(for_client, _cannot(reason), _do_nothing, _do_nothing, units)
        there_are_maps = _tell_of_maps(f"are reserved on all their paths, by the worker on {multipath.path}")
        return Made(for_client, multipath.path, multipath.wake if there_are_maps else _do_nothing, _do_nothing, units)
    _tell_of_maps("are reserved on all their paths")
    made.callback(multipath.stop)
    return Made(for_client, None, multipath.start, multipath.tell_to_stop, units, multipath.ask_multipathd)


def _cannot(reason: str) -> str:
    _tell_of_maps(f"cannot be reserved: {reason}")
    return reason


def _tell_of_maps(what: str) -> bool:
    """Whether there are any."""
    if names := sorted(map(name_of, multipath_maps())):
        _log.info("multipath maps (%s) %s", ", ".join(names), what)
    return bool(names)


def _make_devices(
    options: Options, multipath: "Multipath | Worker | str", made: contextlib.ExitStack, locked: OwnedFd | None
) -> tuple[DevicesFor, "Units | None"]:
    scsi = NO_MAP if options.multipath_worker else ScsiDevice(options.timeout)

    def maps(peer: Peer, number: int) -> MapExecutors | str:
        return multipath.link(origin_of(peer, number)) if isinstance(multipath, Worker) else multipath

    if options.emulate is None:
        return lambda peer, number: Devices(scsi, maps(peer, number)), None

    from .device.emulated.devices import Emulation  # late: only emulation needs SQLite
    from .device.emulated.storage import Storage, StorageError
    from .device.emulated.units import Units

    try:
        storage = Storage(_state_directory(options, DEFAULT_STATE_DIRECTORY), locked)
        made.callback(storage.unlock)  # a stuck thread must not keep the next start from it
        units = Units(storage)
    except StorageError as error:
        raise StartError(f"--state-directory {error}") from error
    _log.warning(
        "--emulate: reservations of %s are emulated here and FENCE NO DATA: "
        "the disks know nothing of them, and any initiator can still write. Never use this in production",
        "all devices" if options.emulate == "all" else "devices that have none of their own",
    )
    emulation = Emulation(units, options.emulate_nexus, may_send_commands())
    always = options.emulate == "all"
    return lambda peer, number: Devices(scsi, maps(peer, number), emulation.for_client(peer, number), always), units


def _make_multipath(options: Options) -> "Multipath | Worker | str":
    """What acts on multipath maps: this process, or a worker, which may be there later; or why nothing does."""
    if options.multipath == "off":
        return "--multipath=off"
    try:
        reason = why_no_multipath(os.geteuid())
        return _try_to_make_multipath(options) if reason is None else _find_worker(options, reason)
    except StartError as error:
        if options.multipath == "on":
            raise StartError(f"--multipath=on: {error}") from error
        return str(error)


def _find_worker(options: Options, reason: str) -> Worker:
    worker = Worker(options.multipath_socket, reason)
    if options.multipath == "on" and (no_worker := worker.why_not()) is not None:
        raise StartError(no_worker)
    return worker


def _try_to_make_multipath(options: Options) -> "Multipath":
    from .device.multipath.executor import Multipath  # late, like the emulation: most hosts have no maps
    from .device.multipath.journal import Journal, JournalError
    from .device.multipath.map import Means
    from .device.multipath.multipathd import Multipathd
    from .device.multipath.sending import send_at_once, send_in_turn

    try:
        # The worker's by default, whatever this process is: all on a host that act on maps take turns by it. And
        # /var/lib/prhelper may belong to another user, that of the daemon's unit.
        journal = Journal(_state_directory(options, WORKER_STATE_DIRECTORY) / "multipath")
        if options.multipath == "on":
            journal.make()
    except JournalError as error:
        raise StartError(f"--state-directory: {error}") from error
    send_all = send_in_turn if options.multipath_in_turn else send_at_once
    return Multipath(Means(journal, Multipathd(), send_all, options.timeout))


def _state_directory(options: Options, default: Path) -> Path:
    from_systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return options.state_directory or (Path(from_systemd) if from_systemd else default)


def _do_nothing() -> None:
    """Without multipath there are no threads to start or to stop."""
