"""What the daemon says, in words for people. The names are those of io.prhelper.Control."""

import datetime
from typing import Any

_SECOND = 1_000_000  # microseconds
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))

Json = dict[str, Any]


def duration(microseconds: int) -> str:
    """As "0.4 ms", "3.2 s", "5 min", "2 h 10 min": as exact as is of interest."""
    seconds = microseconds / _SECOND
    if seconds < 1:
        return f"{microseconds / 1000:.1f} ms"
    if seconds < _UNITS[-1][1]:
        return f"{seconds:.1f} s"
    parts, left = [], int(seconds)
    for name, size in _UNITS:
        number, left = divmod(left, size)
        parts += [f"{number} {name}"] * bool(number)
    return " ".join(parts[:2])


def moment(microseconds: int) -> str:
    """A time of day, with the date if it is not today."""
    then = datetime.datetime.fromtimestamp(microseconds / _SECOND).astimezone()
    today = datetime.datetime.now().astimezone().date()
    return then.strftime("%H:%M:%S" if then.date() == today else "%Y-%m-%d %H:%M:%S")


def process(told: Json) -> str:
    """A machine's name, marked if it is only the client's word, or a command's."""
    name = told.get("machine_name")
    if name is None:
        return f'"{told["comm"]}"'
    return f"{name} (by its own word)" if told.get("machine_name_from") == "client" else str(name)


def device(told: Json | None) -> str:
    """By its map's or its own name, or else its number, or what it is."""
    if told is None:
        return "?"
    return str(told.get("map") or told.get("name") or told.get("number") or told["kind"])


def outcome(event: Json) -> str:
    """How a command ended."""
    how = event["status"] + (f", {event['sense']}" if event["sense"] else "")
    trouble = f" ({event['trouble']})" if event.get("trouble") else ""
    emulated = ", emulated" if event["emulated"] else ""
    return f"{how}{emulated}, {duration(event['duration_usec'])}{trouble}"
