"""disks: the devices that the running daemon has had commands for, and who is registered on them through it."""

import argparse
from collections.abc import Iterator
from typing import Any

from ..host.chosen_text import printable
from .control import Control
from .output import print_json, say, table
from .wording import device, duration, moment, process

_HEADS = ("DISK", "NUMBER", "COMMANDS", "FAILED", "SLOWEST", "LAST", "REGISTERED")
_GOOD = "GOOD"


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out."""
    with Control(options.control) as control:
        answer = control.call("GetDevices")
    if options.json:
        print_json(answer)
        return 0
    say(table(_HEADS, [_row(each) for each in answer["devices"]]) if answer["devices"] else "no devices")
    for line in _units(answer["devices"]):
        say(line)
    if answer["omitted"]:
        say(f"and {answer['omitted']} commands for others")
    return 0


def _row(told: dict[str, Any]) -> tuple[object, ...]:
    failed = sum(count for how, count in told["outcomes"].items() if how != _GOOD)
    slowest = "-" if told["slowest"] is None else duration(told["slowest"]["duration_usec"])
    registered = ", ".join(map(_registration, told["registrations"])) or "-"
    number = told["device"]["number"] or "-"
    nodes = "+".join(map(device, told.get("nodes") or [told["device"]]))
    return nodes, number, told["commands"], failed, slowest, moment(told["last_at"]), registered


def _registration(told: dict[str, Any]) -> str:
    gone = "" if told["connected"] else " (gone)"
    return f"{process(told['process'])} {told['key']}{gone}"


def _units(told: list[dict[str, Any]]) -> Iterator[str]:
    """Which of them are one unit, that is reached by several paths."""
    by_wwid: dict[str, list[str]] = {}
    for each in told:
        if wwid := each["device"].get("wwid"):
            by_wwid.setdefault(wwid, []).append(device(each["device"]))
    for wwid, names in by_wwid.items():
        if len(names) > 1:
            yield printable(f"{', '.join(names)}: one unit by several ways, wwid {wwid}")
