"""vhost-user's messages on a channel: a header, a payload, and the descriptors that come with the header.

Source: QEMU, docs/interop/vhost-user.rst. Numbers are in the machine's own byte order.
"""

import enum
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from prhelper.channel import Channel, OwnedFd

HEADER = struct.Struct("=III")
U64 = struct.Struct("=Q")
VRING_STATE = struct.Struct("=II")
"""Which vring, and a number."""
VRING_ADDRESS = struct.Struct("=IIQQQQ")
"""Which vring, flags, and where its descriptors, its used and its available ring are, and its log."""
MEMORY_TABLE = struct.Struct("=II")
MEMORY_REGION = struct.Struct("=QQQQ")
CONFIG = struct.Struct("=III")
"""Offset, size and flags of a piece of the device's configuration space, which follows."""

VERSION, IS_REPLY, NEED_REPLY = 0x1, 0x4, 0x8
NO_DESCRIPTOR = 0x100
"""In SET_VRING_KICK and SET_VRING_CALL: no descriptor comes along."""

F_PROTOCOL_FEATURES = 1 << 30
PROTOCOL_F_REPLY_ACK = 1 << 3
PROTOCOL_F_CONFIG = 1 << 9


class Request(enum.IntEnum):
    """What a front end asks for."""

    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    SET_MEM_TABLE = 5
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    SET_VRING_ENABLE = 18
    GET_CONFIG = 24


@dataclass(frozen=True)
class Message:
    """One message. Whoever has it owns its descriptors."""

    request: Request
    flags: int
    payload: bytes = b""
    fds: list[OwnedFd] = field(default_factory=list)


async def read_message(channel: Channel) -> Message | None:
    """The next message, or None at the end of the conversation."""
    fds: list[OwnedFd] = []
    if (header := await channel.read_exactly_or_eof(HEADER.size, fds)) is None:
        return None
    # The channel hands descriptors out as blocking ones. The front end has these open too, and would hang in its reads.
    for fd in fds:
        os.set_blocking(fd.fileno(), False)
    request, flags, size = HEADER.unpack(header)
    return Message(Request(request), flags, await channel.read_exactly(size), fds)


async def write_message(
    channel: Channel, request: Request, payload: bytes = b"", fds: Sequence[int] = (), flags: int = 0
) -> None:
    """Write one message; `fds` go along as copies."""
    await channel.write_all([HEADER.pack(request, VERSION | flags, len(payload)), payload], fds)
