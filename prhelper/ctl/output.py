"""What is printed: tables of at most 80 columns for people, JSON for programs."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from ..client import ReservationType
from ..host.chosen_text import printable
from .exits import Exit, ToolError

WIDTH = 80
_ELLIPSIS = "..."
_GAP = "  "
_LEAST = 12
"""Characters that are left of a column that is cut off."""

_NO_CHARACTER = re.compile("[\ud800-\udfff]")  # halves of a surrogate pair

BOLD, RED, YELLOW = "1", "31", "33"


def say(text: str) -> None:
    """Print, at once: what is followed has a line for each event. What the terminal has no letters for is escaped.

    Raises ToolError if it cannot be written, BrokenPipeError if whoever read it has seen enough.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        with contextlib.suppress(OSError):  # or the interpreter tries to flush again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise ToolError(Exit.NO_OUTPUT, f"standard output: {error.strerror}") from error


def print_json(value: Any) -> None:
    """One line of JSON, which has no text for the bytes of a file's name that are no UTF-8."""
    text = _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", json.dumps(value, ensure_ascii=False))
    say(json.dumps(json.loads(text)))


def coloured(text: str, code: str, stream: TextIO | None = None) -> str:
    """The same in a colour, on a terminal; as it is elsewhere, and where NO_COLOR is set."""
    stream = stream or sys.stdout
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\033[{code}m{text}\033[0m" if wanted else text


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as what is in them. Where there is no room for that, the widest are cut off.

    So keys and numbers, which are of no use in halves, keep their whole text beside names that others choose.
    """
    lines = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    room = WIDTH - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _LEAST:
        widths[_last_of_the_widest(widths)] -= 1
    head, *body = (_line(cells, widths) for cells in [list(heads), *lines])
    return "\n".join([coloured(head, BOLD), *body])


def _last_of_the_widest(widths: Sequence[int]) -> int:
    return max(range(len(widths)), key=lambda column: (widths[column], column))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    columns = [_cut(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return _GAP.join(columns).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - len(_ELLIPSIS)] + _ELLIPSIS


def key_text(key: int) -> str:
    """A key as everywhere: JSON's numbers hold no 64 bits everywhere."""
    return f"{key:#x}"


def type_text(kind: ReservationType | int) -> str:
    """A reservation type by name, or its number if SPC-4 has none for it."""
    return kind.name.replace("_", " ") if isinstance(kind, ReservationType) else f"type {kind:#x}"
