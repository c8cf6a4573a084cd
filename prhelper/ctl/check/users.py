"""Users as the kernel sees them, and what they may do: asked of the kernel itself where this process is root."""

import grp
import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..exits import Exit, ToolError
from .process_status import status_of

_READ_WRITE_EXECUTE = 0o7
_MAX_ID = 2**32 - 2
"""The number above stands for no change: who wanted to become that user would stay root."""

_Answer = TypeVar("_Answer")


class User(NamedTuple):
    """uid, gid and supplementary groups of a process or an account."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str

    def __str__(self) -> str:
        groups = ", ".join(sorted({group_name(gid) for gid in (self.gid, *self.groups)}))
        return f"{self.name} (uid {self.uid}, groups {groups})"


def named(name: str) -> User:
    """An account, by name or number; or a user without one, as UID:GID: pods have such. Raises ToolError."""
    uid, _, gid = name.partition(":")
    try:
        if uid.isdecimal() and gid.isdecimal():
            numbers = int(uid), int(gid)
            if max(numbers) > _MAX_ID:
                raise ToolError(Exit.USAGE, f"--as {name}: numbers of users and groups are at most {_MAX_ID}")
            return User(*numbers, (), user_name(numbers[0]))
        entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError) as error:
        hint = f"; without an account it is named with its group, --as {name}:GID" if name.isdecimal() else ""
        raise ToolError(Exit.USAGE, f"--as {name}: there is no such user{hint}") from error
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return User(entry.pw_uid, entry.pw_gid, groups, entry.pw_name)


def as_logged_in(user: User) -> User | None:
    """The user of a process with the groups that its account has now; None if there is no account."""
    try:
        return named(str(user.uid))
    except ToolError:
        return None


def ourselves() -> User:
    """The user of this process."""
    uid = os.geteuid()
    return User(uid, os.getegid(), tuple(os.getgroups()), user_name(uid))


def of_process(pid: int) -> User | None:
    """The user that a process runs as; None if it is not there."""
    status = status_of(pid)
    if not status:
        return None
    uid, gid = (int(status[field].split()[1]) for field in ("Uid", "Gid"))
    return User(uid, gid, tuple(map(int, status["Groups"].split())), user_name(uid))


def may(user: User, path: Path, mode: int) -> bool:
    """Whether a user may do that (os.R_OK...) with a path, as far as modes, groups and access control lists go.

    Without root only this process's own user is asked of the kernel. For others, modes alone are looked at; and so
    where root may not become another user, as in a container's user namespace.
    """
    if (answer := asked_as(user, lambda: os.access(path, mode, effective_ids=True))) is not None:
        return answer
    return may_by_mode(user, path, mode)


def asked_as(user: User, ask: Callable[[], _Answer]) -> _Answer | None:
    """What `ask` says, as JSON has it, to that user; None if this process can neither be nor become that user."""
    if user.uid == os.geteuid() and set(user.groups) <= {*os.getgroups(), os.getegid()}:
        return ask()
    return _in_child(user, ask) if os.geteuid() == 0 else None


def _in_child(user: User, ask: Callable[[], _Answer]) -> _Answer | None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(user.groups)
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
            os.write(writing, json.dumps(ask()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        return None
    result: _Answer = json.loads(answer)
    return result


def may_by_mode(user: User, path: Path, mode: int) -> bool:
    """The same by the file's mode alone."""
    try:
        status = path.stat()
    except OSError:
        return False
    if user.uid == 0:
        return True
    shift = 6 if status.st_uid == user.uid else 3 if status.st_gid in (user.gid, *user.groups) else 0
    return (status.st_mode >> shift & _READ_WRITE_EXECUTE) & mode == mode


def user_name(uid: int) -> str:
    """Its account's name, or else its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def group_name(gid: int) -> str:
    """Its name, or else its number."""
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return str(gid)
