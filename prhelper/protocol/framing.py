"""What both halves share: the features, the limits of a request, and parts of known size put together."""

import struct

from ..scsi.reservation import MAX_DATA, PERSISTENT_RESERVE_IN, PERSISTENT_RESERVE_OUT, transfer_length

ON_BEHALF = 0x8000_0000
"""The one feature. A multipath worker offers it, and only a daemon of prhelper wants it: see `on_behalf`.

QEMU knows no features; it would count its own from the other end.
"""

FEATURES_LAYOUT = struct.Struct(">I")
RESPONSE_LAYOUT = struct.Struct(">ii")  # status, payload size


class ProtocolError(Exception):
    """The peer broke the protocol; the text says how. The only remedy is to hang up."""


class Collector:
    """Collects what is read into parts of known size."""

    def __init__(self) -> None:
        self._data = b""
        self._failed = False
        self.needed = FEATURES_LAYOUT.size
        """How many bytes complete the current part."""

    def _collect(self, data: bytes) -> bytes | None:
        """Add at least one byte, at most `needed`. The part, if that completes it; None if it needs more."""
        if self._failed:
            raise ProtocolError("the conversation has failed before")
        size = len(data)
        if not 0 < size <= self.needed:
            raise ValueError(f"{size} bytes at once where {self.needed} are needed")
        self._data += data
        self.needed -= size
        if self.needed:
            return None
        whole, self._data = self._data, b""
        return whole

    def _fail(self, text: str) -> ProtocolError:
        self._failed = True
        return ProtocolError(text)


def encode_features(features: int = 0) -> bytes:
    """The first bytes of the conversation, from either side: what it offers, or wants."""
    return FEATURES_LAYOUT.pack(features)


def fault_of(cdb: bytes) -> str | None:
    """Why no helper would take this CDB, of the right size; None if it would."""
    if cdb[0] not in (PERSISTENT_RESERVE_IN, PERSISTENT_RESERVE_OUT):
        return f"operation code {cdb[0]:#04x}, which is no PERSISTENT RESERVE command"
    if (length := transfer_length(cdb)) > MAX_DATA:
        return f"a CDB with a length of {length} bytes; {MAX_DATA} is the most"
    return None


def parameter_list_length(cdb: bytes) -> int:
    """Bytes that follow the CDB."""
    return transfer_length(cdb) if cdb[0] == PERSISTENT_RESERVE_OUT else 0
