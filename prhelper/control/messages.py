"""Varlink's messages (varlink.org/Method-Call): JSON objects, each with a zero byte at its end. No I/O.

A call is {"method": "INTERFACE.METHOD", "parameters": {...}}, perhaps with flags; a reply is {"parameters": {...}}, an
error has a name beside them.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MAX_CALL = 1 << 16
"""Bytes of one call."""

_END = b"\0"
_FLAGS = ("more", "oneway", "upgrade")


class NotVarlinkError(Exception):
    """What came is no call: the text says why. Nothing that follows can be understood."""


class CallError(Exception):
    """A call is answered with an error: its full name, and its parameters."""

    def __init__(self, name: str, **parameters: object) -> None:
        super().__init__(name)
        self.name = name
        self.parameters = parameters


class Call(NamedTuple):
    """A call. more: several replies may follow. oneway: none may."""

    method: str
    parameters: Mapping[str, Any]
    more: bool = False
    oneway: bool = False
    upgrade: bool = False


class CallDecoder:
    """Makes calls of bytes as they arrive."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def room(self) -> int:
        """How many bytes may be fed."""
        return MAX_CALL - len(self._data)

    def feed(self, data: bytes) -> None:
        """Add what has arrived, no more than there is room for."""
        self._data += data

    def next_call(self) -> Call | None:
        """Take the next complete call; None if there is none yet. Raises NotVarlinkError."""
        if (end := self._data.find(_END)) >= 0:
            message = bytes(self._data[:end])
            del self._data[: end + 1]
            return _call_in(message)
        if not self.room:
            raise NotVarlinkError(f"sent a call of more than {MAX_CALL} bytes")
        return None


def reply(parameters: Mapping[str, object], continues: bool = False) -> bytes:
    """A reply; with `continues`, more will follow."""
    return encoded({"parameters": parameters, "continues": True} if continues else {"parameters": parameters}) + _END


def list_reply(name: str, items: Iterable[bytes], others: Mapping[str, object]) -> bytes:
    """A reply with a list of objects that are `encoded` already, and other parameters."""
    rest = b"".join(b',"%b":%b' % (key.encode(), json.dumps(value).encode()) for key, value in others.items())
    return b'{"parameters":{"%b":[%b]%b}}\0' % (name.encode(), b",".join(items), rest)


def encoded(thing: Mapping[str, object]) -> bytes:
    """An object, for `list_reply`."""
    return json.dumps(thing, separators=(",", ":")).encode()


def error_reply(error: CallError) -> bytes:
    """The reply to a call that failed."""
    return encoded({"error": error.name, "parameters": error.parameters}) + _END


def _call_in(message: bytes) -> Call:
    try:
        content = json.loads(message.decode())
    except (ValueError, RecursionError):
        raise NotVarlinkError("sent what is no JSON") from None
    if not isinstance(content, dict):
        raise NotVarlinkError("sent what is no call")
    method, parameters = content.get("method"), content.get("parameters")
    flags = [content.get(name) or False for name in _FLAGS]
    if parameters is None:
        parameters = {}
    if not (isinstance(method, str) and isinstance(parameters, dict) and all(flag in (True, False) for flag in flags)):
        raise NotVarlinkError("sent what is no call")
    return Call(method, parameters, *(flag is True for flag in flags))
