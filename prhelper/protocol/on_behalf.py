"""What a daemon and its multipath worker tell each other beyond the command and its answer.

Each is a size of four bytes and a JSON object (RFC 8259) in UTF-8. Every text is bounded and printable, since it ends
in a line of the other side's log.
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SIZE_LAYOUT = struct.Struct(">I")

MAX_TEXT = 500
"""Characters of one text."""

MAX_TEXTS = 32
"""Texts in one list."""

MAX_ORIGIN = 8192
"""Bytes of an `Origin`: two texts, of at most four bytes a character."""

MAX_REPORT = 262_144
"""Bytes of a `Report`: three texts, and three lists of them."""

_MAX_NUMBER = 2**64 - 1


class Origin(NamedTuple):
    """The client on whose behalf a daemon sends a request.

    number: of its connection, as the daemon counts.
    pid, uid, name, account: see `host.peer.Peer`.
    """

    number: int
    pid: int
    uid: int
    name: str
    account: str


class Report(NamedTuple):
    """What the worker says about a command beside the answer. Its fields: see `device.execution`, `Result` and `Note`.

    map_name, wwid: empty if it went to no map.
    """

    map_name: str = ""
    wwid: str = ""
    used: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    trouble: str | None = None
    error: int | None = None


def encode_origin(origin: Origin) -> bytes:
    """The size and the object. What is too long is cut off, what cannot be printed is replaced."""
    return _encode(origin)


def encode_report(report: Report) -> bytes:
    """The size and the object. What is too long is cut off, what cannot be printed is replaced."""
    return _encode(report)


def decode_origin(data: bytes) -> Origin:
    """Read the object. Raises ValueError if it is not exactly what `encode_origin` makes."""
    return Origin(**_decode(data, _ORIGIN))


def decode_report(data: bytes) -> Report:
    """Read the object. Raises ValueError if it is not exactly what `encode_report` makes."""
    fields = _decode(data, _REPORT)
    fields |= {name: tuple(fields[name]) for name in ("used", "skipped", "remarks")}
    return Report(**fields)


def _encode(message: Origin | Report) -> bytes:
    fields = {name: _bounded(value) for name, value in message._asdict().items()}
    data = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return SIZE_LAYOUT.pack(len(data)) + data


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(character if character.isprintable() else "?" for character in value[:MAX_TEXT])
    if isinstance(value, tuple):
        left_out = len(value) - MAX_TEXTS
        texts = value if left_out <= 0 else (*value[: MAX_TEXTS - 1], f"and {left_out + 1} more")
        return [_bounded(text) for text in texts]
    return value


def _decode(data: bytes, checks: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    try:
        fields = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError("is no JSON") from error
    if not isinstance(fields, dict) or fields.keys() != checks.keys():
        raise ValueError(f"does not have the fields {', '.join(checks)}")
    for name, is_valid in checks.items():
        if not is_valid(fields[name]):
            raise ValueError(f"has a wrong {name}")
    return fields


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_NUMBER  # a bool is an int as well


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_TEXTS and all(map(_is_text, value))


_ORIGIN = {"number": _is_number, "pid": _is_number, "uid": _is_number, "name": _is_text, "account": _is_text}
_REPORT = {
    "map_name": _is_text,
    "wwid": _is_text,
    "used": _is_texts,
    "skipped": _is_texts,
    "remarks": _is_texts,
    "trouble": lambda value: value is None or _is_text(value),
    "error": lambda value: value is None or _is_number(value),
}
