"""watch: every change that a client of the running daemon makes, or tries to, as it ends."""

import argparse
import sys
from itertools import islice
from typing import Any

from ..host.chosen_text import printable
from .control import Control
from .output import RED, YELLOW, coloured, print_json, say
from .wording import device, moment, outcome, process

_GOOD, _CONFLICT = "GOOD", "RESERVATION CONFLICT"


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out, until the daemon ends, or `options.count` have come."""
    with Control(options.control) as control:
        answers = control.stream("WatchReservations")
        next(answers)
        print("watching what is changed on disks", file=sys.stderr, flush=True)
        events = (answer["event"] for answer in answers if answer.get("event") is not None)
        for event in islice(events, options.count):
            if options.json:
                print_json(event)
            else:
                say(_line(event))
    return 0


def _line(event: dict[str, Any]) -> str:
    asks = event["process"]
    text = printable(
        f"{moment(event['at'])} {device(event['device'])} {process(asks)} pid {asks['pid']}: "
        f"{_command(event['command'])}: {outcome(event)}"
    )
    if event["status"] == _GOOD:
        return text
    return coloured(text, YELLOW if event["status"] == _CONFLICT else RED)


def _command(told: dict[str, Any]) -> str:
    key, new = told.get("key"), told.get("service_action_key")  # a parameter list that is too short has neither
    parts = [told["action"], told["type"], key and f"key {key}"]
    return ", ".join([part for part in parts if part] + [f"service action key {new}"] * bool(new))
