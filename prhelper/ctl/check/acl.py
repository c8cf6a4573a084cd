"""Access control lists of files, as the kernel keeps them (its include/uapi/linux/posix_acl_xattr.h).

A list's mask takes rights away from all its entries but the owner's and others'. `chmod` sets that mask in place of the
group's rights, so that it silently takes back what `setfacl` has given.
"""

import os
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .users import User, group_name, user_name

_ATTRIBUTE = "system.posix_acl_access"
_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")  # tag, rights, uid or gid
_USER, _OWNING_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_ALL = 0o7

_MASKED = "Its access control list has {}, which the mask takes away, as chmod does: setfacl -m m::{} {}."
_DENIED = "Its access control list has {}, which keeps the user out whatever else allows it: setfacl -m {} {}."


class _Entry(NamedTuple):
    tag: int
    rights: int
    number: int


def exists(path: Path) -> bool:
    """Whether a file has a list besides its mode: `ls` shows that by a plus."""
    return bool(list(_entries(path)))


def remedy(user: User, path: Path, mode: int) -> str | None:
    """What to do where an entry keeps the user from that (os.R_OK...), or the mask does; None if neither does."""
    granted = mode | os.R_OK if mode & os.W_OK else mode
    entries = list(_entries(path))
    mask = next((each.rights for each in entries if each.tag == _MASK), _ALL)
    deciding = _deciding(user, path, entries)
    allowing = [each for each in deciding if each.rights & mode == mode]
    if allowing and mask & mode != mode:
        return _MASKED.format(_words(allowing[0]), _rights(mask | granted), shlex.quote(str(path)))
    if not allowing and deciding and deciding[0].tag == _USER:
        entry = f"u:{user.name}:{_rights(deciding[0].rights | granted)}"
        return _DENIED.format(_words(deciding[0]), entry, shlex.quote(str(path)))
    return None


def _deciding(user: User, path: Path, entries: list[_Entry]) -> list[_Entry]:
    """The entries that say what a user may do but for the mask: one that is the user's alone, or those of groups."""
    try:
        status = path.stat()
    except OSError:
        return []
    if user.uid in (0, status.st_uid):  # whose own entry is none of these, and not masked
        return []
    if own := [each for each in entries if each.tag == _USER and each.number == user.uid]:
        return own
    groups = (user.gid, *user.groups)
    owning = [each for each in entries if each.tag == _OWNING_GROUP and status.st_gid in groups]
    return owning + [each for each in entries if each.tag == _GROUP and each.number in groups]


def _words(entry: _Entry) -> str:
    """In setfacl's words."""
    rights = _rights(entry.rights)
    if entry.tag == _USER:
        return f"user:{user_name(entry.number)}:{rights}"
    return f"group:{group_name(entry.number) if entry.tag == _GROUP else ''}:{rights}"


def _rights(rights: int) -> str:
    return "".join(letter if rights & bit else "-" for letter, bit in zip("rwx", (4, 2, 1), strict=True))


def _entries(path: Path) -> Iterator[_Entry]:
    try:
        content = os.getxattr(path, _ATTRIBUTE)
    except OSError:  # it has none, or cannot have one
        return
    if content.startswith(_VERSION):
        yield from map(_Entry._make, _ENTRY.iter_unpack(content[len(_VERSION) :]))
