"""The command line of prhelperctl, and what becomes of errors."""

import argparse
import io
import shlex
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..client import DEFAULT_SOCKET
from ..logs.handler import LEVELS
from . import changing, clients, log_level, reading, seen_disks, show, status, trace, values, watch
from .check import command as check
from .control import DEFAULT_CONTROL
from .exits import OF_THE_DISK, Exit, exit_status

_EPILOG = """\
A disk sees this host as one initiator, the same as its virtual machines. See prhelperctl(8).
"""

_Subcommands = Callable[..., argparse.ArgumentParser]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help' for more information.\n")


def main(arguments: list[str] | None = None) -> int:
    """Carry out what the command line says. Returns the exit status."""
    sys.stdout = sys.stdout or io.StringIO()  # None if it was closed: then the exit status is wanted
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.execute(options)
        return status
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        return 128 + 13
    except Exception as error:
        if (known := exit_status(error)) is None:
            traceback.print_exc()
            return Exit.BUG
        print(f"prhelperctl: {error}", file=sys.stderr)
        if known in OF_THE_DISK:
            print(f"'prhelperctl check {shlex.quote(options.disk)}' may say why.", file=sys.stderr)
        return known


def build_parser() -> argparse.ArgumentParser:
    """All subcommands with their options."""
    parser = _Parser(
        prog="prhelperctl", description="Persistent reservations, and the prhelper of this host.", epilog=_EPILOG
    )
    parser.add_argument("-V", "--version", action="version", version=f"prhelperctl {__version__}")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    _add_check(subcommands.add_parser)
    _add_show(subcommands.add_parser)
    _add_daemons(subcommands.add_parser)
    _add_operations(subcommands.add_parser)
    return parser


def _add_check(add: _Subcommands) -> None:
    parser = add("check", help="why reservations do not work here, if they do not")
    parser.add_argument("--as", dest="user", metavar="USER", help="whether this user may connect and open the disks")
    parser.add_argument(
        *("--vm", "-m"),
        metavar="NAME",
        action="append",
        default=[],
        help="look at this machine, by name or PID; 'help' lists them (default: all that have a pr-manager)",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="look into this log, not the journal")
    parser.add_argument("disks", metavar="DISK", nargs="*", help="look at this disk (default: those of the machines)")
    _add_path(parser, "-k", "--socket", DEFAULT_SOCKET, "the helper's socket")
    _finish(parser, check.execute, control=True)
    parser.set_defaults(socket=None)


def _add_show(add: _Subcommands) -> None:
    parser = add("show", help="a disk's reservation and registrations, and whose they are")
    _finish(parser, show.execute, helper=True, control=True, disk=True)


def _add_daemons(add: _Subcommands) -> None:
    """What is asked of the control socket."""
    _finish(add("status", help="what the running daemon says of itself"), status.execute, control=True)
    _finish(add("clients", help="who is connected to it, and what is in flight"), clients.execute, control=True)
    _finish(add("disks", help="which disks it has seen, and who is registered"), seen_disks.execute, control=True)
    parser = add("watch", help="every change of a reservation as it happens")
    parser.add_argument("-n", "--count", type=values.count, metavar="NUMBER", help="end after so many")
    _finish(parser, watch.execute, control=True)
    parser = add("log-level", help="how much it logs, now or from now on")
    parser.add_argument("level", metavar="LEVEL", nargs="?", choices=LEVELS, help="error, info, debug, bytes")
    _finish(parser, log_level.execute, control=True)
    parser = add("trace", help="which trace events it logs, now or from now on")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*", help="log these events")
    parser.add_argument("--off", action="store_true", help="no longer")
    _finish(parser, trace.execute, control=True)


def _add_operations(add: _Subcommands) -> None:
    for reads in reading.COMMANDS:
        parser = add(reads.name, aliases=reads.aliases, help=reads.help)
        _finish(parser, partial(reading.execute, command=reads), helper=True, disk=True)
    for changes in changing.COMMANDS:
        parser = add(changes.name, aliases=changes.aliases, help=changes.help)
        changing.add_parameters(parser, changes)
        _finish(parser, partial(changing.execute, command=changes), helper=True, control=True, disk=True)


def _finish(
    parser: argparse.ArgumentParser,
    execute: Callable[[argparse.Namespace], int],
    helper: bool = False,
    control: bool = False,
    disk: bool = False,
) -> None:
    """What all have, and what those have that ask the helper, the daemon, or for a disk."""
    if helper:
        _add_path(parser, "-k", "--socket", DEFAULT_SOCKET, "the helper's socket")
        parser.add_argument(
            "--timeout", type=values.seconds, metavar="SECONDS", help="for a command (default: as long as it takes)"
        )
    if control:
        _add_path(parser, "-c", "--control", DEFAULT_CONTROL, "the daemon's control socket")
    parser.add_argument("--json", action="store_true", help="print JSON")
    if disk:
        parser.add_argument("disk", metavar="DISK", help="path of the disk")
    parser.set_defaults(execute=execute)


def _add_path(parser: argparse.ArgumentParser, letter: str, option: str, default: Path, what: str) -> None:
    parser.add_argument(
        letter, option, type=Path, metavar="PATH", default=default, help=f"{what} (default '{default}')"
    )
