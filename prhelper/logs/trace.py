"""Trace events: what happens inside, by name, turned on with -T.

The option's value is QEMU's: `[[enable=]PATTERN][,events=FILE][,file=FILE]`. PATTERN is a shell pattern of event names;
a leading "-" turns events off again. `events=` names a file with one pattern per line; `file=` is where traces go
instead of the log.
"""

import fnmatch
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..host.errors import StartError

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)  # an event that is turned on is written at any -q or -v


class TraceError(StartError):
    """The value of --trace cannot be used; the text says why."""


class Event:
    """One kind of event. Call it to trace; check `enabled` first where the arguments take time to compute."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.enabled = False

    def __call__(self, *arguments: object) -> None:
        """Write the event, if it is turned on; `arguments` fill the placeholders of its text."""
        if self.enabled:
            _log.info("%s " + self.text, self.name, *arguments)


client_connect = Event("prh_client_connect", "client %d %s")
client_origin = Event("prh_client_origin", "client %d for client %d of the daemon, %s")
client_refused = Event("prh_client_refused", "%s")
client_end = Event("prh_client_end", "client %d %s")
request_begin = Event("prh_request_begin", "client %d cdb %s parameter list %s")
request_end = Event("prh_request_end", "client %d status %#x sense %s data %s")
sg_io = Event("prh_sg_io", "%s status %#x host %#x driver %#x resid %d in %.6f s")
sg_io_error = Event("prh_sg_io_error", "%s %s in %.6f s")
path = Event("prh_path", "%s %s status %#x sense %s in %.6f s")
path_error = Event("prh_path_error", "%s %s %s in %.6f s")
multipathd = Event("prh_multipathd", "%s: %s")
leader_appointed = Event("prh_leader_appointed", "stalled by %s")
burst_begin = Event("prh_burst_begin", "%s")
channel_rest = Event("prh_channel_rest", "fd %d for %s")

EVENTS = tuple(event for event in list(globals().values()) if isinstance(event, Event))


class Enabled(NamedTuple):
    """What the options -T ask for beyond the events.

    output: the descriptor of the file that traces go to, which the caller owns; None for the log.
    unknown: the patterns that match no event.
    """

    output: int | None
    unknown: list[str]


def enable(options: Iterable[str]) -> Enabled:
    """Turn events on and off as the options say. Raises TraceError.

    Descriptors 0 to 2 must be open by then, or the file would become one of them.
    """
    output = None
    unknown = []
    for part in (part for option in options for part in option.split(",")):
        key, separator, value = part.partition("=")
        if separator and key == "events":
            unknown += [pattern for pattern in _patterns(value) if not _turn(pattern)]
        elif separator and key == "file":
            output = _open(value)
        elif separator and key != "enable":
            raise TraceError(f"--trace: '{key}=' is none of enable=, events= and file=")
        elif not _turn(pattern := value if separator else part):
            unknown.append(pattern)
    return Enabled(output, unknown)


def turn(patterns: Sequence[str]) -> str | None:
    """Turn events on, or off after a "-". Returns a pattern that fits none, and then has changed nothing."""
    for pattern in patterns:
        if not _matching(pattern):
            return pattern
    for pattern in patterns:
        _turn(pattern)
    return None


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TraceError(f"--trace: file={path}: {error.strerror}") from error


def _patterns(path: str) -> Iterator[str]:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise TraceError(f"--trace: events={path}: {error.strerror}") from error
    for line in lines:
        if (pattern := line.strip()) and not pattern.startswith("#"):
            yield pattern


def _turn(pattern: str) -> bool:
    matching = _matching(pattern)
    for event in matching:
        event.enabled = not pattern.startswith("-")
    return bool(matching) or pattern.removeprefix("-") in ("", "*")


def _matching(pattern: str) -> list[Event]:
    return [event for event in EVENTS if fnmatch.fnmatchcase(event.name, pattern.removeprefix("-"))]
