"""Whether a user may connect to a socket, and open a disk: which part of the path keeps it out."""

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from . import acl
from .causes import DISK_CLOSED_TO_USER, SOCKET_CLOSED_TO_USER
from .finding import Cause, Finding
from .users import User, as_logged_in, asked_as, may, may_by_mode

_NOT_BY_MODE = (
    "Modes allow it, so that something else forbids it: AppArmor or SELinux, an access control list or, for a disk, "
    "the list of devices that a container or unit has (--device, DeviceAllow=)."
)
_OLD_GROUPS = (
    "The account {0} is in more groups now, which would do, but a process keeps those of its start: start it again (or "
    "migrate the machine), or setfacl -m u:{0}:{1} {2}."
)
_LET_THROUGH = "Let the user through the directory: setfacl -m u:{0}:x {1}, or chmod {2}+x {1}."
_OWNER = "The user owns it, but its owner may not, and for the owner nothing else counts: chmod u+{} {}."
_USE_DEV = "Use the disk's node in /dev, or mount that file system without nodev."


def to_socket(user: User, path: Path, name: str) -> Iterator[Finding]:
    """To connect is to write. `name`: the path as people know it."""
    yield from _access(SOCKET_CLOSED_TO_USER, user, path, name, os.W_OK)


def to_disk(user: User, path: Path, name: str) -> Iterator[Finding]:
    """Both ways, as QEMU opens it. Only reading is tried: udev looks anew at a disk that was open for writing."""
    found = list(_access(DISK_CLOSED_TO_USER, user, path, name, os.R_OK | os.W_OK))
    yield from found
    number = 0 if found else asked_as(user, lambda: _opening(path))
    if number in (errno.EACCES, errno.EPERM):
        seen, remedy = f"opening {path}: {os.strerror(number)}", _NOT_BY_MODE
        if os.statvfs(path).f_flag & os.ST_NODEV:
            seen, remedy = f"{seen}; it lies on a file system that is mounted nodev", _USE_DEV
        yield DISK_CLOSED_TO_USER.found(f"{name}, {user.name}", seen, remedy)


def _opening(path: Path) -> int:
    """The error number of opening it for reading; 0 if that works."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or 0
    return 0


def _access(cause: Cause, user: User, path: Path, name: str, mode: int) -> Iterator[Finding]:
    if (barrier := _barrier(user, path, mode)) is not None:
        needed = mode if barrier == path else os.X_OK
        yield cause.found(f"{name}, {user.name}", _seen(user, barrier), _remedy(user, barrier, needed))


def _remedy(user: User, path: Path, mode: int) -> str:
    """If there is a better one than the cause's own: for the file, or a directory (where `mode` is os.X_OK)."""
    rights = "x" if mode == os.X_OK else "rw"
    quoted = shlex.quote(str(path))
    if (by_list := acl.remedy(user, path, mode)) is not None:
        return by_list
    if _is_owner(user, path) and not may_by_mode(user, path, mode):
        return _OWNER.format(rights, quoted)
    if (account := as_logged_in(user)) is not None and account.groups != user.groups and may(account, path, mode):
        return _OLD_GROUPS.format(user.name, rights, quoted)
    if mode == os.X_OK:
        return _LET_THROUGH.format(user.name, quoted, "g" if _is_of_group(user, path) else "o")
    return _NOT_BY_MODE if may_by_mode(user, path, mode) else ""


def _is_owner(user: User, path: Path) -> bool:
    try:
        return path.stat().st_uid == user.uid
    except OSError:
        return False


def _is_of_group(user: User, path: Path) -> bool:
    try:
        return path.stat().st_gid in (user.gid, *user.groups)
    except OSError:
        return False


def _barrier(user: User, path: Path, mode: int) -> Path | None:
    """The first directory that the user may not pass, or the file itself; None if nothing is in its way.

    A directory further down cannot be seen by a user who may not pass one above it, so that the first is the one.
    """
    real = Path(os.path.realpath(path))
    if os.path.exists(path) and not _is_same(path, real):  # noqa: PTH110 -- it leads through /proc/PID/root
        real = path
    for folder in reversed(real.parents):
        if not may(user, folder, os.X_OK):
            return folder
    return None if may(user, real, mode) else path


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _seen(user: User, path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        return f"{path}: {error.strerror}; {user}"
    owners = User(status.st_uid, status.st_gid, (), "")
    mode = stat.filemode(status.st_mode) + "+" * acl.exists(path)
    return f"{path} is {mode} {_owner(path, owners)}; the user is {user}"


def _owner(path: Path, owners: User) -> str:
    names = []
    for ask, number in ((path.owner, owners.uid), (path.group, owners.gid)):
        try:
            names.append(ask())
        except KeyError:
            names.append(str(number))
    return ":".join(names)
