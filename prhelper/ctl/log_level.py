"""log-level: how much the running daemon logs, now or from now on."""

import argparse

from .control import Control
from .output import print_json, say


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out. The type LogLevels of docs/prhelperctl.md."""
    with Control(options.control) as control:
        if options.level is None:
            before = level = control.call("GetStatus")["log"]["level"]
        else:
            before, level = control.call("SetLogLevel", level=options.level)["before"], options.level
    if options.json:
        print_json({"before": before, "level": level})
    else:
        say(level if level == before else f"{level}, before: {before}")
    return 0
