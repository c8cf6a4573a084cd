"""Whom and what a check is about: machines, their users, the sockets that they use, and disks."""

import argparse
import errno
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...client import DEFAULT_SOCKET
from ..disks import Disk
from ..exits import Exit, ToolError
from ..hosts_machines import Machine, is_on, machines
from ..qemu import PASSES_THROUGH, GuestDisk
from . import users
from .users import User

_SEVERAL = "several machines have that name; give a PID"
_NONE = (
    "no machine has that name or PID, of those that run (--vm help); of one that does not start name what it needs: "
    "--as its user, -k its helper's socket, and its disks"
)


class Socket(NamedTuple):
    """A helper's socket. path: to reach it from here. name: as its user knows it. is_default: the unit's."""

    path: Path
    name: str
    users: tuple[User, ...]

    @property
    def is_default(self) -> bool:
        """Whether it is where the unit listens."""
        return self.path == DEFAULT_SOCKET

    @property
    def is_here(self) -> bool:
        """Whether its user sees the path as this process does, and it may be there."""
        is_same = str(self.path) == self.name or not str(self.path).startswith("/proc/")
        return is_same and self.may_be_there

    @property
    def may_be_there(self) -> bool:
        """Whether there is anything, or this process is not let see it."""
        try:
            self.path.stat()
        except OSError as error:
            return error.errno == errno.EACCES
        return True


class Node(NamedTuple):
    """A disk's path. path: to reach it from here. name: as whoever named it knows it."""

    path: str
    name: str


class Subjects(NamedTuple):
    """machines: those to look at. all_machines: of this host. user: whom --as names, or who runs this."""

    machines: list[Machine]
    all_machines: list[Machine]
    user: User
    sockets: list[Socket]
    disks: list[Node]


def gather(options: argparse.Namespace) -> Subjects:
    """From the command line, and the machines that run. Raises ToolError."""
    everyone = machines()
    named = list({found.pid: found for found in (_named(each, everyone) for each in options.vm)}.values())
    user = users.named(options.user) if options.user is not None else users.ourselves()
    disks = [Node(each, each) for each in dict.fromkeys(options.disks)]
    looked_at = named or [each for each in everyone if each.command_line.managers]
    if not disks:
        disks = list(dict.fromkeys(node for each in looked_at for node in _nodes_of(each, bool(named))))
    return Subjects(looked_at, everyone, user, _sockets(options, looked_at, user), disks)


def _named(text: str, everyone: Iterable[Machine]) -> Machine:
    found = [each for each in everyone if text in (each.name, str(each.pid))]
    if len(found) != 1:
        raise ToolError(Exit.USAGE, f"--vm {text}: {_SEVERAL if found else _NONE}")
    return found[0]


def _nodes_of(machine: Machine, is_named: bool) -> Iterable[Node]:
    return [Node(str(machine.reached(each.file)), each.file) for each in reserving_disks(machine, is_named)]


def reserving_disks(machine: Machine, is_named: bool) -> list[GuestDisk]:
    """Those of a machine that are meant to pass commands on.

    If none is, of a machine that was named, all that are devices of the host: one of them was meant to be.
    """
    every = machine.command_line.disks
    meant = [each for each in every if each.pr_manager is not None or each.driver in PASSES_THROUGH]
    if meant or not is_named:
        return meant
    return [each for each in every if (disk := machine.disk_of(each)) is not None and disk.device.is_device]


def disks_among(machine: Machine, disks: list[Disk]) -> list[GuestDisk]:
    """Those of a machine that are one of these units."""
    found = [(each, machine.disk_of(each)) for each in machine.command_line.disks]
    return [each for each, there in found if any(is_on(disk, there) for disk in disks)]


def _sockets(options: argparse.Namespace, looked_at: list[Machine], user: User) -> list[Socket]:
    """The one that is named, and those of the machines; the usual one if there are none. Each with who needs it."""
    wanted: dict[Path, Socket] = {}
    for machine in looked_at:
        owner = users.of_process(machine.pid)
        for name in machine.command_line.managers.values():
            _add(wanted, machine.reached(name), name, owner)
    if options.socket is not None or not wanted:
        path = options.socket or DEFAULT_SOCKET
        _add(wanted, path, str(path), user)
    if options.user is not None:
        for socket in list(wanted.values()):
            _add(wanted, socket.path, socket.name, user)
    return list(wanted.values())


def _add(wanted: dict[Path, Socket], path: Path, name: str, user: User | None) -> None:
    known = wanted.get(path, Socket(path, name, ()))
    more = (user,) if user is not None and user not in known.users else ()
    wanted[path] = known._replace(users=(*known.users, *more))
