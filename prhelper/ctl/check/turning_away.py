"""Clients that a helper turns away: a user's, if one is tried, and those that its log names."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .causes import CLIENTS_TURNED_AWAY, USER_TURNED_AWAY
from .finding import Finding
from .serving import greets
from .users import User, asked_as

_LINE = re.compile(r'(\S+ \d+ uid \d+ (?!"prhelperctl").*was turned away: .*)')
"""Of this program's own tries nothing is to be said."""


def user(user: User, path: Path, name: str) -> Iterator[Finding]:
    """Whether it hangs up on this user, though it answers this process. Not known of others where this is not root."""
    if user.uid != os.geteuid() and asked_as(user, lambda: greets(path)) is False:
        yield USER_TURNED_AWAY.found(f"{name}, {user.name}", "connecting as this user: the helper says nothing")


def lately(lines: Iterable[str], name: str) -> Iterator[Finding]:
    """By the lines of its log. `name`: of the socket."""
    found = [match[1] for line in lines if (match := _LINE.search(line)) is not None]
    if found:
        yield CLIENTS_TURNED_AWAY.found(name, f"{len(found)} such lines in its log; the last: {found[-1]}")
