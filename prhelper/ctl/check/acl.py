"""Access control lists of files, as the kernel keeps them (its include/uapi/linux/posix_acl_xattr.h).

A list's mask takes rights away from all its entries but the owner's and others'. `chmod` sets that mask in place of the
group's rights, so that it silently takes back what `setfacl` has given.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .users import User, group_name

_ATTRIBUTE = "system.posix_acl_access"
_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")  # tag, rights, uid or gid
_USER, _GROUP, _MASK = 0x02, 0x08, 0x10
_ALL = 0o7


class _Entry(NamedTuple):
    tag: int
    rights: int
    number: int


def exists(path: Path) -> bool:
    """Whether a file has a list besides its mode: `ls` shows that by a plus."""
    return bool(list(_entries(path)))


def masked(user: User, path: Path, mode: int) -> str | None:
    """The entry by which the user might do that (os.R_OK...) but for the mask, in setfacl's words; None if none is."""
    entries = list(_entries(path))
    mask = next((each.rights for each in entries if each.tag == _MASK), _ALL)
    for tag, rights, number in entries:
        words = _words(user, tag, number)
        if words is not None and rights & mode == mode and rights & mask & mode != mode:
            return f"{words}:{_rights(rights)}"
    return None


def _words(user: User, tag: int, number: int) -> str | None:
    if tag == _USER and number == user.uid:
        return f"user:{user.name}"
    if tag == _GROUP and number in (user.gid, *user.groups):
        return f"group:{group_name(number)}"
    return None


def _rights(rights: int) -> str:
    return "".join(letter if rights & bit else "-" for letter, bit in zip("rwx", (4, 2, 1), strict=True))


def _entries(path: Path) -> Iterator[_Entry]:
    try:
        content = os.getxattr(path, _ATTRIBUTE)
    except OSError:  # it has none, or cannot have one
        return
    if content.startswith(_VERSION):
        yield from map(_Entry._make, _ENTRY.iter_unpack(content[len(_VERSION) :]))
