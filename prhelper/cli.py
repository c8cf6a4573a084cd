"""The command line: every option of qemu-pr-helper, and a few of our own."""

import argparse
import contextlib
import os
import signal
import sys
from typing import NoReturn

from . import __version__, option_values
from .host.errors import StartError
from .options import DEFAULT_PIDFILE, DEFAULT_SOCKET, DEFAULT_STATE_DIRECTORY, WORKER_STATE_DIRECTORY, Options

_EPILOG = """\
Each virtual machine's QEMU connects with -object pr-manager-helper,path=SOCKET. See prhelper(8).
"""

_CAPABILITIES_OPTION = "--print-capabilities"
_FEATURES = ("control", "emulate", "multipath", "multipath-worker", "replace")


class _Parser(argparse.ArgumentParser):
    """Refuses bad options with exit status 1, as qemu-pr-helper does."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}\nTry '{self.prog} --help' for more information.\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit with `status`, or with 1 if what was printed could not be written."""
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as error:
            with contextlib.suppress(OSError):  # or the interpreter tries to flush again at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status, message = 1, f"{self.prog}: standard output: {error.strerror}\n"
        super().exit(status, message)


def main(arguments: list[str] | None = None) -> int:
    """Run the helper until it is told to stop. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would end an early start with a traceback
    parser = _build_parser()
    given = sys.argv[1:] if arguments is None else arguments
    if _CAPABILITIES_OPTION in given:  # at once: who asks need not know which options there are
        _print_capabilities(parser)
    options = _parse(parser, given)
    if "help" in options.trace:
        from .logs import trace  # late: a start needs it only for traces

        print("\n".join(event.name for event in trace.EVENTS))
        parser.exit()
    try:
        from .daemon import run  # late: --help and bad options need none of it
    except (OSError, ImportError) as error:
        parser.exit(1, f"{parser.prog}: cannot load the program: {error}\n")

    try:
        return run(options)
    except StartError as error:
        with contextlib.suppress(OSError):  # the reader may be gone; then it is in the log
            print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1


def _print_capabilities(parser: argparse.ArgumentParser) -> NoReturn:
    """In the form of swtpm(8), which libvirt knows: one JSON object, on one line."""
    features = ", ".join(f'"{name}"' for name in _FEATURES)
    print(f'{{"type": "prhelper", "version": "{__version__}", "features": [{features}]}}')
    parser.exit()


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> Options:
    values = vars(parser.parse_args(arguments))
    if values.pop("print_capabilities"):  # its name was cut short
        _print_capabilities(parser)
    if values["multipath_worker"]:
        given = [f"--{name}" for name in ("user", "group", "emulate") if values[name] is not None]
        if values["multipath"] == "off":
            given.append("--multipath=off")
        if given:
            parser.error(f"--multipath-worker cannot be used with {given[0]}")
        values["multipath"] = "on"
    quiet, verbose = values.pop("quiet"), values.pop("verbose")
    return Options(verbosity=verbose - quiet, trace=tuple(values.pop("trace")), **values)


def _build_parser() -> _Parser:
    defaults = Options()
    parser = _Parser(
        prog="prhelper",
        usage="prhelper [OPTIONS]",
        description="Performs SCSI persistent reservations for virtual machines.",
        epilog=_EPILOG,
        formatter_class=_formatter,
    )
    add = parser.add_argument
    add("-V", "--version", action="version", version=f"prhelper {__version__}")
    add("-d", "--daemon", action="store_true", help="run in the background")
    add(
        "-f",
        "--pidfile",
        metavar="PATH",
        type=option_values.absolute,
        help=f"write the PID to PATH (with -d: '{DEFAULT_PIDFILE}' by default)",
    )
    add(
        "-k",
        "--socket",
        metavar="PATH",
        type=option_values.socket_path,
        help=f"listen on PATH (default '{DEFAULT_SOCKET}')",
    )
    add(
        "-T",
        "--trace",
        metavar="TRACE",
        action="append",
        default=[],
        help="turn on trace events: [[enable=]PATTERN][,events=FILE][,file=FILE]; 'help' lists them",
    )
    add("-u", "--user", metavar="USER", help="user to drop privileges to")
    add("-g", "--group", metavar="GROUP", help="group to drop privileges to (default: the user's)")
    add("-q", "--quiet", action="count", default=0, help="log errors only")
    add("-v", "--verbose", action="count", default=0, help="log each request; twice: the bytes too")

    own = parser.add_argument_group("options that qemu-pr-helper does not have")
    add = own.add_argument
    _add_seconds(own, "--timeout", defaults.timeout, "for a command on a device (SG_IO)")
    _add_seconds(
        own,
        "--request-timeout",
        defaults.request_timeout,
        "for a client to negotiate, complete a request, or read a reply",
    )
    _add_seconds(own, "--stop-timeout", defaults.stop_timeout, "for commands in flight when told to stop")
    add(
        "--max-clients",
        metavar="N",
        type=option_values.count,
        default=defaults.max_clients,
        help="connections in all (default %(default)s)",
    )
    add(
        "--max-clients-per-process",
        metavar="N",
        type=option_values.count,
        default=defaults.max_clients_per_process,
        help="connections of one process (default %(default)s)",
    )
    add(
        "--socket-mode",
        metavar="MODE",
        type=option_values.mode,
        default=defaults.socket_mode,
        help="permissions of the socket, in octal (default 0600)",
    )
    add(
        "--control",
        metavar="PATH",
        type=option_values.socket_path,
        help="answer questions about this prhelper on PATH (default: $RUNTIME_DIRECTORY/control, in a service)",
    )
    add(
        "--log",
        choices=("auto", "stderr", "journal", "syslog"),
        default=defaults.log,
        help="where to log to (default %(default)s: the journal for a service or with -d, else stderr)",
    )
    add(
        "--replace",
        action="store_true",
        help="take the place of the prhelper that listens on the socket, if one does, with all its connections",
    )
    add(
        _CAPABILITIES_OPTION,
        action="store_true",
        help="print what this program can do, as JSON, and exit",
    )
    _add_multipath(parser.add_argument_group("multipath maps"), defaults)
    _add_emulation(parser.add_argument_group("emulated reservations, which fence no data"), defaults)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """For help as wide as the terminal. Unless told the width, argparse imports shutil, at every start: 3 ms."""
    try:
        columns = os.get_terminal_size().columns
    except OSError:  # it goes somewhere else
        columns = 80
    return argparse.HelpFormatter(prog, width=columns - 2)


def _add_multipath(group: argparse._ArgumentGroup, defaults: Options) -> None:
    group.add_argument(
        "--multipath",
        choices=("auto", "on", "off"),
        default=defaults.multipath,
        help="reserve on all paths of a multipath map: where that is possible (%(default)s, the default), always, "
        "or never, which refuses PERSISTENT RESERVE OUT there",
    )
    group.add_argument(
        "--multipath-in-turn",
        action="store_true",
        help="send to one path after another: for arrays that dislike to be asked by several at once",
    )
    group.add_argument(
        "--multipath-socket",
        metavar="PATH",
        type=option_values.socket_path,
        default=defaults.multipath_socket,
        help="the worker's socket, where prhelper is not root itself (default '%(default)s')",
    )
    group.add_argument(
        "--multipath-worker",
        action="store_true",
        help="be that worker: as root, serve other prhelpers and multipath maps only",
    )


def _add_emulation(group: argparse._ArgumentGroup, defaults: Options) -> None:
    group.add_argument(
        "--emulate",
        nargs="?",
        const="missing",
        choices=("missing", "all"),
        help="answer for devices that have no persistent reservations (missing, the default), or for all",
    )
    group.add_argument(
        "--emulate-nexus",
        choices=("process", "connection", "uid", "host"),
        default=defaults.emulate_nexus,
        help="what makes clients one initiator (default %(default)s)",
    )
    group.add_argument(
        "--state-directory",
        metavar="PATH",
        type=option_values.absolute,
        help="keep emulated reservations, and what is under way on multipath maps, in PATH "
        f"(default $STATE_DIRECTORY, else '{DEFAULT_STATE_DIRECTORY}' and '{WORKER_STATE_DIRECTORY}')",
    )


def _add_seconds(group: argparse._ArgumentGroup, name: str, default: float, what: str) -> None:
    text = f"seconds {what} (default {default:g})"
    group.add_argument(name, metavar="SECONDS", type=option_values.seconds, default=default, help=text)
