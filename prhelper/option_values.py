"""The values that options take: from the text on the command line, or argparse.ArgumentTypeError that names it."""

import argparse
import os
from pathlib import Path

_MAX_SOCKET_PATH = 107  # struct sockaddr_un, unix(7)
_MAX_SECONDS = 86_400
_MAX_DIGITS = 6  # of a number of clients


def socket_path(text: str) -> Path:
    """The path of a Unix socket: absolute, and short enough for the kernel."""
    path = Path(text)
    if not path.is_absolute():
        raise argparse.ArgumentTypeError(f"socket path must be absolute, '{text}' is not")
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise argparse.ArgumentTypeError(f"'{text}' is longer than the {_MAX_SOCKET_PATH} bytes a socket may have")
    return path


def absolute(text: str) -> Path:
    """A path, made absolute."""
    try:
        return Path(text).absolute()  # a daemon changes its directory
    except OSError as error:
        message = f"'{text}' is relative to a directory that is gone; give an absolute path"
        raise argparse.ArgumentTypeError(message) from error


def seconds(text: str) -> float:
    """A number of seconds: more than none, at most a day."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0.001 to {_MAX_SECONDS}")
    return value


def count(text: str) -> int:
    """A number above 0 of at most six digits."""
    digits = text.lstrip("0")
    if not (text.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0 of {_MAX_DIGITS} digits at most")
    return int(digits)


def mode(text: str) -> int:
    """Permissions of a file, in octal."""
    try:
        value = int(text, 8)
    except ValueError:
        value = -1
    if not 0 <= value <= 0o777:
        raise argparse.ArgumentTypeError(f"'{text}' is not an octal mode from 0 to 777, such as 0660")
    return value
