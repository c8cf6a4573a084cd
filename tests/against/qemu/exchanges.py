"""What may be said to a helper: a table of exchanges, well-formed and malformed, as messages with descriptors.

A message is what one sendmsg(2) sends. Descriptors are named by what they are of, and opened by the test. `replies` is
how many responses are due, `end` what becomes of the connection after them: what both helpers were seen to do, so that
two helpers that are broken alike do not pass.
"""

import enum
from dataclasses import dataclass

from ...support.spc import keys, reserve_in, reserve_out

FEATURES = bytes(4)

INQUIRY = bytes.fromhex("12000000240000000000000000000000")


class End(enum.Enum):
    """What becomes of the connection."""

    STAYS = enum.auto()
    CLOSES = enum.auto()
    UNFINISHED = enum.auto()  # the helper waits for the rest of something


@dataclass(frozen=True)
class Message:
    data: bytes
    fds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exchange:
    """The messages after the features; `whole` if they are all, features included."""

    name: str
    messages: tuple[Message, ...]
    replies: int
    end: End = End.STAYS
    whole: bool = False

    def script(self) -> tuple[Message, ...]:
        return self.messages if self.whole else (Message(FEATURES), *self.messages)


def _in(action: int = 0, length: int = 8192) -> Message:
    return Message(reserve_in(action, length), ("null",))


def _out(length: int, fd: str = "null") -> tuple[Message, ...]:
    cdb = Message(reserve_out(0, length=length), (fd,))
    return (cdb, Message((keys(1, 2) + bytes(8192))[:length])) if length else (cdb,)


_READ_KEYS = reserve_in(0, 8192)
_REGISTER = reserve_out(0)
_UPPER_HALF = bytearray(_REGISTER)
_UPPER_HALF[5:7] = b"\x01\x02"

READ_ONLY_OUT = "OUT, descriptor opened read-only"

EXCHANGES = (
    *(
        Exchange(f"IN on {what}", (Message(_READ_KEYS, (fd,)),), 1)
        for what, fd in {
            "/dev/null": "null",
            "/dev/null opened read-only": "null read-only",
            "a regular file": "file",
            "a regular file opened read-only": "file read-only",
            "a directory": "directory",
            "a socket": "socket",
        }.items()
    ),
    *(Exchange(f"IN, allocation length {length}", (_in(length=length),), 1) for length in (0, 1, 8, 8191, 8192)),
    Exchange("IN, allocation length 8193", (_in(length=8193),), 0, End.CLOSES),
    Exchange("IN, allocation length 65535", (_in(length=65535),), 0, End.CLOSES),
    *(Exchange(f"IN, service action {action:#x}", (_in(action),), 1) for action in (1, 2, 3, 0x1F)),
    *(Exchange(f"OUT, {length} bytes", _out(length), 1) for length in (0, 1, 24, 8191, 8192)),
    *(Exchange(f"OUT on {what}", _out(24, fd), 1) for what, fd in {"a file": "file", "a socket": "socket"}.items()),
    Exchange("OUT, parameter list length 8193", _out(8193), 0, End.CLOSES),
    Exchange(READ_ONLY_OUT, _out(24, "null read-only"), 1),
    Exchange("OUT, CDB bytes 5 and 6 not zero", (Message(bytes(_UPPER_HALF), ("null",)), Message(keys(1, 2))), 1),
    Exchange("OUT, CDB and parameter list in one message", (Message(_REGISTER + keys(1, 2), ("null",)),), 1),
    Exchange(
        "OUT, a descriptor with the parameter list too",
        (Message(_REGISTER, ("null",)), Message(keys(1, 2), ("null",))),
        1,
    ),
    Exchange(
        "a command without a descriptor after one with two",
        (Message(_REGISTER, ("null",)), Message(keys(1, 2), ("null",)), Message(_READ_KEYS)),
        1,
        End.CLOSES,
    ),
    Exchange("no descriptor", (Message(_READ_KEYS),), 0, End.CLOSES),
    Exchange("two descriptors in one message", (Message(_READ_KEYS, ("null", "null")),), 0, End.CLOSES),
    Exchange(
        "a descriptor with each half of the CDB",
        (Message(_READ_KEYS[:8], ("null",)), Message(_READ_KEYS[8:], ("null",))),
        0,
        End.CLOSES,
    ),
    Exchange("CDB in two parts, descriptor first", (Message(_READ_KEYS[:5], ("null",)), Message(_READ_KEYS[5:])), 1),
    Exchange("CDB in two parts, descriptor last", (Message(_READ_KEYS[:5]), Message(_READ_KEYS[5:], ("null",))), 1),
    Exchange("descriptor with the last byte", (Message(_READ_KEYS[:15]), Message(_READ_KEYS[15:], ("null",))), 1),
    Exchange("INQUIRY", (Message(INQUIRY, ("null",)),), 0, End.CLOSES),
    Exchange("two requests in two messages", (_in(0), _in(1)), 2),
    Exchange("ten requests, IN and OUT", (_in(0), *_out(24)) * 5, 10),
    Exchange(
        "two requests in one message with one descriptor",
        (Message(_READ_KEYS + _READ_KEYS, ("null",)),),
        1,
        End.CLOSES,
    ),
    Exchange("features in two parts", (Message(bytes(1)), Message(bytes(3)), _in()), 1, whole=True),
    Exchange("features not offered", (Message(b"\0\0\0\1"), _in()), 0, End.CLOSES, whole=True),
    Exchange("every feature", (Message(b"\xff" * 4), _in()), 0, End.CLOSES, whole=True),
    Exchange(
        "features and CDB in one message with a descriptor",
        (Message(FEATURES + _READ_KEYS, ("null",)),),
        0,
        End.CLOSES,
        whole=True,
    ),
    Exchange("a descriptor with the features", (Message(FEATURES, ("null",)), _in()), 1, whole=True),
    Exchange("nothing at all", (), 0, End.UNFINISHED, whole=True),
    Exchange("half of the features", (Message(bytes(2)),), 0, End.UNFINISHED, whole=True),
    Exchange("one byte of a request", (Message(_READ_KEYS[:1], ("null",)),), 0, End.UNFINISHED),
    Exchange("OUT without its parameter list", (Message(_REGISTER, ("null",)),), 0, End.UNFINISHED),
    Exchange("OUT with half of it", (Message(_REGISTER, ("null",)), Message(bytes(12))), 0, End.UNFINISHED),
)
