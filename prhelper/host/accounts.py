"""Users and groups by name or number."""

import grp
import pwd

from .errors import StartError
from .privileges import Identity

_MAX_DIGITS = 10  # of a 32-bit number


class UnknownAccountError(StartError):
    """There is no such user or group; the text names the option and the value."""


def look_up(user: str | None, group: str | None) -> Identity:
    """The identity that -u USER and -g GROUP ask for; without GROUP, the group is the user's.

    Raises UnknownAccountError.
    """
    gid = None if group is None else _look_up_group(group)
    if user is None:
        return Identity(None, gid)
    uid, own_gid = _look_up_user(user)
    if gid is None and own_gid is None:
        raise UnknownAccountError(f"--user {user}: no account has this number, so add its group with --group")
    return Identity(uid, own_gid if gid is None else gid)


def _look_up_user(user: str) -> tuple[int, int | None]:
    number = _number(user)
    try:
        entry = pwd.getpwnam(user) if number is None else pwd.getpwuid(number)
    except KeyError:
        if number is None:
            raise UnknownAccountError(f"--user {user}: there is no such user") from None
        return number, None
    return entry.pw_uid, entry.pw_gid


def _look_up_group(group: str) -> int:
    if (number := _number(group)) is not None:
        return number
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise UnknownAccountError(f"--group {group}: there is no such group") from None


def _number(name: str) -> int | None:
    """A uid or gid. Not 2**32 - 1: to the kernel that is -1, "leave it as it is"."""
    if not (name.isascii() and name.isdecimal() and len(name) <= _MAX_DIGITS):
        return None
    return int(name) if int(name) < 2**32 - 1 else None
