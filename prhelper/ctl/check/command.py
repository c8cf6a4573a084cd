"""The subcommand: what is looked at, in which order, and what is told of it."""

import argparse
import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import __version__
from ...device.multipath.multipathd import Multipathd
from ...device.unit import Unit
from ..control import Control, devices_seen
from ..disks import Disk
from ..exits import Exit, ToolError
from ..hosts_machines import machines
from ..output import print_json, say
from . import (
    access,
    denials,
    disk,
    helpers,
    listening,
    machine,
    neighbours,
    on_maps,
    on_multipathd,
    privileges,
    recent,
    serving,
    turning_away,
)
from .causes import CONTROL_SILENT, EMULATED, HELPER_MISSING, NOT_SCSI
from .finding import Finding
from .report import as_json, as_text, in_order, looked_at
from .subjects import Node, Socket, Subjects, disks_among, gather, reserving_disks

_HELP = "help"
"""In place of a machine's name it lists them, as with QEMU's options."""

_MAX_NAMED = 3
_ELSEWHERE = (
    "A helper listens at {}: give that path to the pr-manager (in libvirt, path= of <source> in <reservations>), or to "
    "this command (-k)."
)


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out."""
    if options.vm == [_HELP]:
        for each in machines():
            say(each.name or str(each.pid))
        return 0
    subjects = gather(options)
    check = _Check(options, subjects)
    findings = in_order(check.look())
    worst = findings[0].cause.severity if findings else 0
    if options.json:
        print_json(_report(subjects, findings, check.helpers_log))
    elif findings:
        say("\n\n".join([*map(as_text, findings), looked_at(_names(subjects))]))
    else:
        say(f"nothing found wrong with {', '.join(_names(subjects))}")
    return worst


def _names(subjects: Subjects) -> list[str]:
    """All that was looked at."""
    sockets = [each.name for each in subjects.sockets]
    return [*sockets, *map(str, subjects.machines), *(each.name for each in subjects.disks)]


def _report(subjects: Subjects, findings: list[Finding], log: list[str]) -> dict[str, object]:
    """The type Checked of docs/prhelperctl.md."""
    return {
        "version": __version__,
        "at": int(time.time() * 1_000_000),
        "worst": findings[0].cause.severity.name.lower() if findings else None,
        "findings": list(map(as_json, findings)),
        "checked": _names(subjects),
        "log": log,
    }


class _Check:
    """One run. status, seen: what the daemon says of itself and of devices, if it can be asked."""

    def __init__(self, options: argparse.Namespace, subjects: Subjects) -> None:
        self._options = options
        self._subjects = subjects
        self._multipathd = Multipathd()
        self._status: dict[str, Any] | None = None
        self._seen: list[dict[str, Any]] = []
        self._disks: list[Disk] = []
        self._units: set[str] = set()
        self._emulating: list[Socket] = []

    def look(self) -> Iterator[Finding]:
        served = []
        listening.look_again()
        for socket in self._subjects.sockets:
            silent = list(serving.look(socket.path, socket.name, socket.is_default))
            yield from map(self._with_better_remedy, silent)
            served += [] if silent else [socket]
        listening.look_again()  # who connects may have started one
        yield from self._ask_daemon()
        for socket in self._subjects.sockets:
            yield from self._of_socket(socket, socket in served)
        yield from self._by_logs()
        for node in self._subjects.disks:
            yield from self._of_disk(node, served)
        yield from self._of_machines()

    def _with_better_remedy(self, finding: Finding) -> Finding:
        """If no helper is where one was looked for, but elsewhere, that is what to say."""
        if finding.cause != HELPER_MISSING or not (elsewhere := self._helpers_elsewhere):
            return finding
        paths = ", ".join(elsewhere[:_MAX_NAMED])
        return finding._replace(remedy=f"{_ELSEWHERE.format(paths)} Or else: {finding.remedy}")

    @functools.cached_property
    def _helpers_elsewhere(self) -> list[str]:
        return helpers.paths()

    def _ask_daemon(self) -> Iterator[Finding]:
        """Not before its socket was connected to, which may have started it."""
        control = self._options.control
        try:
            self._status = _status_of(control)
        except ToolError as error:
            yield CONTROL_SILENT.found(str(control), str(error))
        self._seen = [] if self._status is None else devices_seen(control) or []

    def _of_machines(self) -> Iterator[Finding]:
        """Where disks are named, any machine that has one of them, though it has no pr-manager."""
        subjects, named = self._subjects, bool(self._options.vm)
        if not self._options.disks:
            for each in subjects.machines:
                yield from machine.look(each, reserving_disks(each, named))
            return
        for each in subjects.machines if named else subjects.all_machines:
            yield from machine.look(each, disks_among(each, self._disks))

    def _of_socket(self, socket: Socket, is_served: bool) -> Iterator[Finding]:
        """Who may use it, and what its helper may do, whether it answers or not."""
        for user in socket.users if socket.is_here else ():
            kept_out = list(access.to_socket(user, socket.path, socket.name))
            yield from kept_out
            if is_served and not kept_out:
                yield from turning_away.user(user, socket.path, socket.name)
        if socket.may_be_there:
            yield from helpers.several_at(socket.path, socket.name)
            status = self._status if self._is_ours(socket) else None
            found = list(privileges.look(socket.path, socket.name, status, socket.is_default))
            yield from found
            if any(each.cause is EMULATED for each in found):
                self._emulating.append(socket)

    def _is_ours(self, socket: Socket) -> bool:
        """Whether it is of the daemon that has the control socket; one that was passed to it has no name there."""
        if self._status is None:
            return False
        path = self._status["socket"]
        is_named = path == str(socket.path) if path else socket.is_default
        return is_named or listening.server_pid(socket.path) == self._status["pid"]

    def _by_logs(self) -> Iterator[Finding]:
        names = [each.name for each in self._subjects.sockets]
        named = _lines_of(self._options.log) if self._options.log else None
        yield from denials.look(denials.recent_lines() if named is None else named, names, time.time())
        yield from turning_away.lately(self.helpers_log if named is None else named, names[0])

    @functools.cached_property
    def helpers_log(self) -> list[str]:
        """What the helper logged in the last hour, without keys."""
        return recent.lines()

    def _of_disk(self, node: Node, served: list[Socket]) -> Iterator[Finding]:
        looked = disk.look(node.path, node.name)
        used = [] if looked.disk is None else self._helpers_of(looked.disk, served)
        if used and all(socket in self._emulating for socket in used):
            looked = looked.without(NOT_SCSI)
        yield from looked.findings
        if looked.disk is None:
            return
        self._disks.append(looked.disk)
        if self._options.disks:
            yield from access.to_disk(self._subjects.user, Path(node.path), node.name)
        yield from self._neighbours_on(looked.disk)
        yield from on_maps.look(looked.disk, self._refusal_of_maps, self._multipathd)
        if on_maps.maps_below(looked.disk):
            yield from on_multipathd.look(looked.disk.path, self._status, self._options.control, self._multipathd)
        if looked.is_sound:
            for socket in used:
                yield from disk.ask(node.path, node.name, socket.path)
                yield from on_maps.registrations(looked.disk, node.path, socket.path, self._seen)

    def _neighbours_on(self, disk: Disk) -> Iterator[Finding]:
        """Once a unit, by however many nodes it is looked at."""
        unit = Unit(disk.wwid, disk.addresses).key or disk.path
        if unit not in self._units:
            self._units.add(unit)
            yield from neighbours.look(disk, self._subjects.all_machines, self._seen)

    @functools.cached_property
    def _refusal_of_maps(self) -> str | None:
        sockets = self._subjects.sockets
        return on_maps.refusal(self._status if any(map(self._is_ours, sockets)) else None, sockets)

    def _helpers_of(self, disk: Disk, served: list[Socket]) -> list[Socket]:
        """Those by which machines have the disk; without a machine, any."""
        uses = [(each, used) for each in self._subjects.all_machines for used in each.uses(disk)]
        names = {each.command_line.managers.get(used.pr_manager or "") for each, used in uses}
        return [socket for socket in served if socket.name in names] or served[:1]


def _status_of(control: Path) -> dict[str, Any] | None:
    """What a daemon says of itself; None where none listens. Raises ToolError if it says nothing, or rubbish."""
    try:
        daemon = Control(control)
    except ToolError:
        return None
    with daemon:
        status = daemon.call("GetStatus")
        try:
            _ = status["pid"], status["socket"], status["emulate"], status["multipath"]["handled"]
        except TypeError as error:
            text = f"the daemon at {control} says something else of itself: it is no prhelper"
            raise ToolError(Exit.UNREACHABLE, text) from error
        return status


def _lines_of(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError as error:
        raise ToolError(Exit.USAGE, f"--log {file}: {error.strerror}") from error
