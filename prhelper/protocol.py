"""The wire format of QEMU's persistent reservation helper, without any I/O: bytes and descriptors in, messages out.

All integers are big-endian. The conversation, seen from the helper:

1. It sends four bytes, the features that it offers (none today). The client answers with four, those it wants.
2. Request: a 16-byte CDB, with one descriptor attached to any of its bytes. Bytes 7 and 8 of the CDB are the length,
   at most 8192; for PERSISTENT RESERVE OUT that many bytes of parameter list follow.
3. Response: status and payload size, four bytes each, 96 bytes of sense data, the payload.

A violation raises ProtocolError, and the decoder stays failed. QEMU specifies it in docs/interop/pr-helper.rst.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, NamedTuple

from .scsi.outcome import Outcome
from .scsi.reservation import (
    CDB_SIZE,
    MAX_DATA,
    PERSISTENT_RESERVE_IN,
    PERSISTENT_RESERVE_OUT,
    Command,
    transfer_length,
)

if TYPE_CHECKING:  # the channel layer loads ctypes, ssl and asyncio
    from collections.abc import Sequence

    from .channel.descriptors import OwnedFd

FEATURES = 0
"""The features that this helper offers."""

_FEATURES = struct.Struct(">I")
_RESPONSE = struct.Struct(">ii")


class ProtocolError(Exception):
    """The client broke the protocol; the text says how. There is no answer to that but to hang up."""


class Request(NamedTuple):
    """A command, and the descriptor of the device that it is for; whoever holds the request owns the descriptor."""

    command: Command
    device: OwnedFd


class _Part(enum.Enum):
    """What the next bytes belong to."""

    FEATURES = enum.auto()
    CDB = enum.auto()
    PARAMETER_LIST = enum.auto()
    FAILED = enum.auto()


class Decoder:
    """One client's bytes and descriptors, made into requests.

    Read at most `needed` bytes, with room for descriptors only if `takes_descriptors`, and `feed` them. The decoder
    owns the descriptors that it was fed until a request takes them over; `close` it at the end of the conversation.
    """

    def __init__(self) -> None:
        self._part = _Part.FEATURES
        self._data = b""
        self._cdb = b""
        self._fds: list[OwnedFd] = []
        self.needed = _FEATURES.size
        """How many bytes complete the current part."""

    @property
    def takes_descriptors(self) -> bool:
        """Whether descriptors mean something now; any that come with other bytes are ignored."""
        return self._part is _Part.CDB

    @property
    def negotiating(self) -> bool:
        """Whether the client has yet to say which features it wants."""
        return self._part is _Part.FEATURES

    @property
    def holds_descriptors(self) -> bool:
        """Whether there is something to `close`."""
        return bool(self._fds)

    @property
    def at_boundary(self) -> bool:
        """Whether the next byte begins a request."""
        return self._part is _Part.CDB and self.needed == CDB_SIZE

    def feed(self, data: bytes, fds: Sequence[OwnedFd] = ()) -> Request | None:
        """Take what was read: at least one byte, at most `needed`. A request, once it is whole, or None.

        Raises ProtocolError, now and ever after, if the client broke the protocol.
        """
        self._fds += fds
        if self._part is _Part.FAILED:
            raise ProtocolError("the conversation has failed before")
        size = len(data)
        if not 0 < size <= self.needed:
            raise ValueError(f"{size} bytes at once where {self.needed} are needed")
        if len(self._fds) > 1:  # judged at once: each one held costs a descriptor of ours
            raise self._fail(f"sent {len(self._fds)} descriptors with a CDB instead of one")
        self._data += data
        self.needed -= size
        if self.needed:
            return None
        whole, self._data = self._data, b""
        if self._part is _Part.CDB:
            return self._finish_cdb(whole)
        if self._part is _Part.PARAMETER_LIST:
            return self._finish_request(whole)
        self._finish_features(whole)
        return None

    def close(self) -> None:
        """Close the descriptors of a request that will never be whole."""
        while self._fds:
            self._fds.pop().close()

    def _finish_features(self, features: bytes) -> None:
        wanted: int = _FEATURES.unpack(features)[0]
        if missing := wanted & ~FEATURES:
            raise self._fail(f"wants features {missing:#x}, which were not offered")
        self._part, self.needed = _Part.CDB, CDB_SIZE

    def _finish_cdb(self, cdb: bytes) -> Request | None:
        if not self._fds:
            raise self._fail("sent a CDB without a descriptor")
        operation_code = cdb[0]
        if operation_code not in (PERSISTENT_RESERVE_IN, PERSISTENT_RESERVE_OUT):
            raise self._fail(f"sent operation code {operation_code:#04x}, which is no PERSISTENT RESERVE command")
        if (length := transfer_length(cdb)) > MAX_DATA:
            raise self._fail(f"sent a CDB with a length of {length} bytes; {MAX_DATA} is the most")
        self._cdb = cdb
        if length and operation_code == PERSISTENT_RESERVE_OUT:
            self._part, self.needed = _Part.PARAMETER_LIST, length
            return None
        return self._finish_request(b"")

    def _finish_request(self, parameter_list: bytes) -> Request:
        self._part, self.needed = _Part.CDB, CDB_SIZE
        return Request(Command(self._cdb, parameter_list), self._fds.pop())

    def _fail(self, text: str) -> ProtocolError:
        self._part = _Part.FAILED
        return ProtocolError(text)


def encode_features() -> bytes:
    """The first bytes of the conversation."""
    return _FEATURES.pack(FEATURES)


def encode_response(outcome: Outcome) -> bytes:
    """The response to one request."""
    return _RESPONSE.pack(outcome.status, len(outcome.data)) + outcome.sense + outcome.data
