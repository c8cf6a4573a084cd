"""How the story is shown: in 80 columns, and in colour only where somebody looks at a terminal."""

import os
import sys
import textwrap

WIDTH = 80

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """The text in a colour, if there are any."""
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if _COLOURED and text else text


def title(text: str) -> None:
    """Begin a chapter."""
    print("\n" + paint(text, "bold"))


def say(text: str, colour: str | None = None, indent: int = 2) -> None:
    """A paragraph."""
    for line in _wrap(text, WIDTH - indent):
        print(" " * indent + (paint(line, colour) if colour else line))


def command_line(*words: str) -> None:
    """A command as it would be typed, over as many lines as it takes."""
    lines = _wrap(" ".join(words), WIDTH - 8)
    print(paint("  $ " + " \\\n      ".join(lines), "cyan"))


def show_bytes(who: str, data: bytes, what: str) -> None:
    """Bytes in hexadecimal, sixteen a line; `what` they are stands beside the first."""
    for start in range(0, len(data), 16):
        line = f"  {who:<5}{data[start : start + 16].hex(' '):<49}"
        print((line + paint(what, "dim")).rstrip())
        who, what = "", ""


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)  # a path or an option stays whole
