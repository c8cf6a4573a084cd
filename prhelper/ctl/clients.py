"""clients: who is connected to the running daemon, and what is in flight."""

import argparse
from typing import Any

from .control import Control
from .output import print_json, say, table
from .wording import device, duration, moment, process

_HEADS = ("PID", "UID", "SINCE", "COMMANDS", "IN FLIGHT", "WHO")


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out."""
    with Control(options.control) as control:
        answer = control.call("GetClients")
    if options.json:
        print_json(answer)
    elif answer["clients"]:
        say(table(_HEADS, [_row(each) for each in answer["clients"]]))
    else:
        say("no clients")
    return 0


def _row(told: dict[str, Any]) -> tuple[object, ...]:
    asks, in_flight = told["process"], told.get("in_flight")  # an idle client has none
    flying = "-"
    if in_flight is not None:
        flying = f"{in_flight['command']['action']} {device(in_flight['device'])} {duration(in_flight['for_usec'])}"
    since = moment(told["connected_at"])
    return asks["pid"], asks["uid"], since, told["commands"], flying, process(asks)
