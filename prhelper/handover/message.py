"""What a process says of the connections that it hands over. No I/O.

A message is a JSON object (RFC 8259) with the version of this format, two counts, and one object a connection. With it
go descriptors, in this order: of each connection its socket, then the device of the request that it has begun, if
`device` says that there is one.

A reader takes exactly the version that it knows. What it does not know it must not guess: a byte too many or too few
turns a client's next command into another.
"""

import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

VERSION = 1

MAX_FDS = 250
"""Descriptors of one message; the kernel takes 253 (SCM_MAX_FD)."""

_NAME = "prhelper_handover"
_MAX_NUMBER = 2**64 - 1


class HandoverError(Exception):
    """A message that this prhelper does not understand; the text says why."""


class Connection(NamedTuple):
    """One connection at rest.

    number, commands, connected_at: see `serving.clients.Client`.
    agreed, begun, deadline: see `serving.end.AtRest`. device: whether a descriptor of a device goes along.
    pid, uid, started, name, account: see `host.peer.Peer`. The receiver asks the kernel who is at the other end; this
        is for the case that the process has ended, and left its connection to another.
    """

    number: int
    commands: int
    connected_at: float
    agreed: int | None
    begun: bytes
    device: bool
    deadline: float | None
    pid: int
    uid: int
    started: int
    name: str
    account: str

    @property
    def descriptors(self) -> int:
        """How many go along."""
        return 1 + self.device


class Message(NamedTuple):
    """Some connections, and how far the counts of the process that hands them over have come.

    accepted: the highest number that a connection was given.
    answered: commands that were answered, but for those of connections that were handed over.
    """

    accepted: int
    answered: int
    connections: Sequence[Connection]


def encode(message: Message) -> bytes:
    """The message without its descriptors."""
    connections = [connection._asdict() | {"begun": connection.begun.hex()} for connection in message.connections]
    fields = {_NAME: VERSION, "accepted": message.accepted, "answered": message.answered, "connections": connections}
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(data: bytes) -> Message:
    """Read a message. Raises HandoverError if it is not exactly what `encode` makes."""
    try:
        fields = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise HandoverError("it is no JSON") from error
    if not isinstance(fields, dict) or _NAME not in fields:
        raise HandoverError("it is no handover")
    if (version := fields.pop(_NAME)) != VERSION:
        raise HandoverError(f"it is in version {str(version)[:20]} of the format, and this prhelper knows {VERSION}")
    _check(fields, _MESSAGE, "the message")
    connections = [_connection(one) for one in fields["connections"]]
    return Message(fields["accepted"], fields["answered"], connections)


def _connection(fields: Any) -> Connection:
    _check(fields, _CONNECTION, "a connection")
    return Connection(**fields | {"begun": binascii.unhexlify(fields["begun"])})


def _check(fields: Any, checks: Mapping[str, Callable[[Any], bool]], what: str) -> None:
    if not isinstance(fields, dict) or fields.keys() != checks.keys():
        raise HandoverError(f"{what} does not have the fields {', '.join(checks)}")
    for name, is_valid in checks.items():
        if not is_valid(fields[name]):
            raise HandoverError(f"{what} has a wrong {name}")


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_NUMBER  # a bool is an int as well


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_hex(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        binascii.unhexlify(value)
    except ValueError:
        return False
    return True


_MESSAGE: dict[str, Callable[[Any], bool]] = {
    "accepted": _is_number,
    "answered": _is_number,
    "connections": lambda value: isinstance(value, list),
}
_CONNECTION: dict[str, Callable[[Any], bool]] = {
    "number": _is_number,
    "commands": _is_number,
    "connected_at": lambda value: isinstance(value, float),
    "agreed": lambda value: value is None or _is_number(value),
    "begun": _is_hex,
    "device": lambda value: isinstance(value, bool),
    "deadline": lambda value: value is None or isinstance(value, float),
    "pid": _is_number,
    "uid": _is_number,
    "started": _is_number,
    "name": _is_text,
    "account": _is_text,
}
