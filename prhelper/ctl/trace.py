"""trace: which trace events the running daemon logs, now or from now on."""

import argparse

from .control import Control, ControlError
from .exits import Exit, ToolError
from .output import print_json, say


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out."""
    patterns = [f"-{pattern}" if options.off else pattern for pattern in options.patterns]
    try:
        with Control(options.control) as control:
            answer = control.call("SetTraceEvents", patterns=patterns)
    except ControlError as error:
        if error.name != "NoSuchTraceEvent":
            raise
        unknown = str(error.parameters["pattern"]).removeprefix("-")
        raise ToolError(Exit.USAGE, f"there is no trace event '{unknown}'; `prhelperctl trace` lists them") from error
    if options.json:
        print_json(answer)
    else:
        say("\n".join(f"{'on ' if each['enabled'] else 'off'} {each['name']}" for each in answer["events"]))
    return 0
