"""An entry of the journal as text, and the name of the directory it is kept in.

The text is JSON with a version, and with a digest, since one flipped bit would turn a key into another. The digest
covers the map's uuid, so that the entry of another map is not taken for this one's.
"""

import base64
import hashlib
import json
import re
from typing import Any

from ...host.boot import boot_id
from .rules.steps import Entry

VERSION = 1

_MAX_KEY = 2**64 - 1

_BOOT, _OF_ANOTHER = "boot", "is_of_another_boot"
"""What the text has instead of a field of the entry: in which boot of the machine it was written."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
"""What a uuid is as a rule, and what can be a file name as it is. It has at most 128 bytes (DM_UUID_LEN)."""

_ENCODED = "="
"""The first character of a name in which any other uuid is encoded: it has at most 172, of 255 that are possible."""


class DamagedError(Exception):
    """The text is not as it was written, or makes no sense; says what was found."""


class NewerError(Exception):
    """The text is of a version that this prhelper does not know; says which."""


def encode(uuid: str, entry: Entry) -> bytes:
    """The text of an entry for the map with this uuid."""
    fields = entry._asdict() | {_BOOT: boot_id()}
    del fields[_OF_ANOTHER]
    record = {"version": VERSION, "entry": fields, "digest": _digest(uuid, VERSION, fields)}
    return f"{json.dumps(record, indent=1)}\n".encode()


def decode(uuid: str, text: bytes) -> Entry:
    """The entry for the map with this uuid. Raises DamagedError or NewerError."""
    try:
        record = json.loads(text)
        version, fields, digest = record["version"], record["entry"], record["digest"]
        if digest != _digest(uuid, version, fields):
            raise DamagedError("it is not as it was written")
        if version > VERSION:
            raise NewerError(f"version {version}, known is {VERSION}")
        return _entry(fields)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"it makes no sense: {error!r}") from error


def directory_name(uuid: str) -> str:
    """A file name for the map with this uuid; no other map has the same."""
    if _PLAIN.fullmatch(uuid):
        return uuid
    return _ENCODED + base64.urlsafe_b64encode(uuid.encode("utf-8", "surrogateescape")).decode().rstrip("=")


def uuid_of(name: str) -> str | None:
    """The uuid that has this name; None if none has it."""
    if not name.startswith(_ENCODED):
        return name if _PLAIN.fullmatch(name) else None
    try:
        uuid = base64.urlsafe_b64decode(name[1:] + "=" * (-len(name[1:]) % 4)).decode("utf-8", "surrogateescape")
    except ValueError:
        return None
    return uuid if directory_name(uuid) == name else None


def _digest(uuid: str, version: int, fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([uuid, version, fields], sort_keys=True).encode()).hexdigest()


def _entry(fields: dict[str, Any]) -> Entry:
    """The entry, its types checked: the digest tells what was written, not whether that was right."""
    if fields.keys() != {*Entry._fields, _BOOT} - {_OF_ANOTHER}:
        raise ValueError(f"it has {sorted(fields)}")
    fields = fields | {_OF_ANOTHER: fields[_BOOT] != boot_id()}
    values = (fields[name] for name in Entry._fields)
    entry = Entry._make(tuple(value) if isinstance(value, list) else value for value in values)
    keys = (entry.wanted, entry.new, *entry.passing, *entry.stale)
    paths = (*entry.had, *(() if entry.doubtful is None else (entry.doubtful,)))
    if not all(isinstance(key, int) and 0 <= key <= _MAX_KEY for key in keys):
        raise ValueError(f"it has the keys {keys}")
    if not all(isinstance(path, str) for path in paths):
        raise ValueError(f"it has the paths {paths}")
    return entry
