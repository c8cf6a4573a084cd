"""register, reserve, release, clear, preempt...: what PERSISTENT RESERVE OUT changes on a disk."""

import argparse
from typing import NamedTuple

from ..client import connect, run
from . import values
from .disks import Disk, opened
from .guarding import refuse_if_in_use
from .output import print_json


class Changing(NamedTuple):
    """A subcommand. takes: parameters of the method of `Client` of this name; those of `needs` must be given."""

    name: str
    aliases: tuple[str, ...]
    help: str
    takes: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.name.replace("-", "_")


_PREEMPTING = ("param_rk", "param_sark", "prout_type")
_RESERVING = ("param_rk", "prout_type")
_REGISTER = ("param_rk", "param_sark", "param_aptpl", "param_alltgpt", "transport_ids")
_IGNORE = ("param_sark", "param_aptpl", "param_alltgpt")
_MOVE = ("param_rk", "param_sark", "transport_id", "relative_target_port", "param_unreg", "param_aptpl")

COMMANDS = (
    Changing("register", (), "register a key, or unregister with --param-sark=0", _REGISTER, ("param_sark",)),
    Changing(
        "register-and-ignore-existing-key",
        ("register-ignore",),
        "register a key, whichever there is",
        _IGNORE,
        ("param_sark",),
    ),
    Changing("reserve", (), "reserve the disk", _RESERVING, _RESERVING),
    Changing("release", (), "release the reservation", _RESERVING, _RESERVING),
    Changing("clear", (), "remove the reservation and all registrations", ("param_rk",), ("param_rk",)),
    Changing("preempt", (), "remove another's registrations, and take its reservation", _PREEMPTING, _PREEMPTING),
    Changing(
        "preempt-and-abort",
        ("preempt-abort",),
        "the same, and abort its commands",
        _PREEMPTING,
        _PREEMPTING,
    ),
    Changing(
        "register-and-move",
        ("register-move",),
        "register another initiator port, and give it the reservation",
        _MOVE,
        ("param_rk", "param_sark", "transport_id", "relative_target_port"),
    ),
)


def add_parameters(parser: argparse.ArgumentParser, command: Changing) -> None:
    """The parameters that a subcommand takes, by sg_persist's names and letters."""
    for name in command.takes:
        letter, option, settings = _PARAMETERS[name]
        parser.add_argument(letter, option, dest=name, required=name in command.needs, **settings)  # type: ignore[arg-type]
    parser.add_argument("--force", action="store_true", help="even if a machine of this host is registered on the disk")


_PARAMETERS: dict[str, tuple[str, str, dict[str, object]]] = {
    "param_rk": (
        "-K",
        "--param-rk",
        {"metavar": "RK", "type": values.key, "default": 0, "help": "reservation key, in hexadecimal"},
    ),
    "param_sark": (
        "-S",
        "--param-sark",
        {"metavar": "SARK", "type": values.key, "help": "service action reservation key, in hexadecimal"},
    ),
    "prout_type": (
        "-T",
        "--prout-type",
        {"metavar": "TYPE", "type": values.reservation_type, "help": "1, 3, 5, 6, 7, 8, or a type's name"},
    ),
    "param_aptpl": ("-Z", "--param-aptpl", {"action": "store_true", "help": "survive a loss of power"}),
    "param_alltgpt": ("-Y", "--param-alltgpt", {"action": "store_true", "help": "with all target ports"}),
    "param_unreg": ("-U", "--unreg", {"action": "store_true", "help": "unregister this host when it has moved"}),
    "transport_ids": (
        "-X",
        "--transport-id",
        {
            "metavar": "ID",
            "type": values.transport_id,
            "action": "append",
            "default": [],
            "help": "register this initiator port as well (sas,HEX, fcp,HEX or an iSCSI name)",
        },
    ),
    "transport_id": (
        "-X",
        "--transport-id",
        {"metavar": "ID", "type": values.transport_id, "help": "that initiator port (sas,HEX, fcp,HEX, iSCSI name)"},
    ),
    "relative_target_port": (
        "-Q",
        "--relative-target-port",
        {"metavar": "NUMBER", "type": values.port_number, "help": "the target port through which it is seen"},
    ),
}


def execute(options: argparse.Namespace, command: Changing) -> int:
    """Carry a subcommand out."""
    with opened(options.disk, to_write=True) as (fd, disk):
        run(_change(options, command, fd, disk))
    if options.json:
        print_json({"disk": disk.as_json(), "done": command.name})
    return 0


async def _change(options: argparse.Namespace, command: Changing, fd: int, disk: Disk) -> None:
    with await connect(options.socket, options.timeout) as client:
        if not options.force:
            await refuse_if_in_use(client, fd, disk, options.control)
        parameters = {name: getattr(options, name) for name in command.takes}
        await getattr(client, command.method)(fd, **parameters)
