"""status: what the running daemon says of itself."""

import argparse
from typing import Any

from ..host.chosen_text import printable
from .control import Control
from .output import RED, YELLOW, coloured, print_json, say
from .wording import duration, moment


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out."""
    with Control(options.control) as control:
        status = control.call("GetStatus")
    if options.json:
        print_json(status)
    else:
        say("\n".join(_lines(status)))
    return 0


def _lines(told: dict[str, Any]) -> list[str]:
    since = f"since {moment(told['started_at'])} ({duration(told['uptime_usec'])})"
    rows = {
        "socket": _said(told["socket"] or "passed by systemd"),
        "clients": f"{told['clients']} of {told['limits']['clients']}{_in_flight(told)}",
        "commands": f"{told['commands']} answered, for {told['devices']} devices",
        "SG_IO": "allowed" if told["sends_commands"] else _said("not allowed: no CAP_SYS_RAWIO here", RED),
        "emulation": "none" if told["emulate"] is None else _said(f"{told['emulate']}: FENCES NO DATA", YELLOW),
        "multipath": _multipath(told["multipath"]),
        "threads": _threads(told),
        "log": _log(told["log"]),
    }
    head = f"prhelper {told['version']}, {told['role']}, pid {told['pid']}, uid {told['uid']}, {since}"
    return [head, *(f"{name:11}{value}" for name, value in rows.items())]


def _said(text: str, colour: str | None = None) -> str:
    """A text that somebody else chose, or part of one."""
    text = printable(text)
    return text if colour is None else coloured(text, colour)


def _in_flight(told: dict[str, Any]) -> str:
    longest = told["longest_in_flight_usec"]
    text = f"; {told['in_flight']} commands in flight"
    return text if longest is None else f"{text}, the longest for {duration(longest)}"


def _multipath(told: dict[str, Any]) -> str:
    if told["handled"] == "no":
        return _said(f"refused: {told['reason']}", YELLOW)
    if told["handled"] == "worker":
        return _said(f"handled by the worker on {told['socket']}")
    trouble = (told.get("multipathd") or {}).get("trouble")
    return "handled here" if trouble is None else _said(f"handled here; {trouble}", YELLOW)


def _threads(told: dict[str, Any]) -> str:
    threads, guard = told["threads"], told["guard"]
    reserve = "" if threads["reserve"] else ", no reserve"
    alive = f"guard replaced {guard['leaders_replaced']} leaders" if guard["alive"] else _said("no guard", RED)
    return f"{threads['running']} running, {threads['idle']} idle{reserve}; {alive}"


def _log(told: dict[str, Any]) -> str:
    lost = f", {told['lost']} lines lost" if told["lost"] else ""
    return f"{told['level']}; {told['waiting']} lines waiting{lost}"
