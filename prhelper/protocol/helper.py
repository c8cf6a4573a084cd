"""The helper's half: requests in, responses out."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from ..scsi.outcome import Outcome
from ..scsi.reservation import CDB_SIZE, Command
from .framing import (
    FEATURES_LAYOUT,
    ON_BEHALF,
    RESPONSE_LAYOUT,
    Collector,
    fault_of,
    parameter_list_length,
)
from .on_behalf import MAX_ORIGIN, SIZE_LAYOUT, Origin, Report, decode_origin, encode_report

if TYPE_CHECKING:  # the channel layer loads ctypes, ssl and asyncio
    from collections.abc import Sequence

    from ..channel.descriptors import OwnedFd


class Request(NamedTuple):
    """A command, and the descriptor of its device, which belongs to the holder of the request.

    origin: on whose behalf it was sent, with the feature ON_BEHALF.
    """

    command: Command
    device: OwnedFd
    origin: Origin | None = None


class _Part(enum.Enum):
    """What the helper reads next."""

    FEATURES = enum.auto()
    CDB = enum.auto()
    PARAMETER_LIST = enum.auto()
    ORIGIN_SIZE = enum.auto()
    ORIGIN = enum.auto()


class RequestDecoder(Collector):
    """Turns the bytes and descriptors that one client sends into requests.

    Read at most `needed` bytes, with room for descriptors only if `takes_descriptors`, and `feed` them. The decoder
    owns the descriptors that it was fed until it hands them out in a request; `close` it at the end of the
    conversation.

    offered: the features that the client was offered, of which it may want any.
    """

    def __init__(self, offered: int = 0) -> None:
        super().__init__()
        self._offered = offered
        self._part = _Part.FEATURES
        self._cdb = b""
        self._command = Command(b"")
        self._fds: list[OwnedFd] = []
        self.agreed = 0
        """The features in use: those that the client wants, once it has said so."""

    @property
    def takes_descriptors(self) -> bool:
        """Whether the next bytes may carry descriptors. Those attached to other bytes are ignored."""
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

    @staticmethod
    def size_behind(data: bytes, fds: Sequence[OwnedFd]) -> int:
        """How many bytes of a request come behind its first ones, and the descriptors with these, as far as they say.

        0 for a request that `feed` refuses: what comes behind its CDB is best left where it is.
        """
        if len(data) != CDB_SIZE or len(fds) != 1:
            return 0
        size = parameter_list_length(data)
        return 0 if size and fault_of(data) is not None else size

    def feed(self, data: bytes, fds: Sequence[OwnedFd] = ()) -> Request | None:
        """Take what was read: 1 to `needed` bytes. The request that this completes; None if it is not complete yet.

        Raises ProtocolError, now and ever after, if the client broke the protocol.
        """
        self._fds += fds
        whole = self._collect(data)
        if len(self._fds) > 1:  # at once, not when the CDB is whole: each takes up a descriptor of ours
            raise self._fail(f"sent {len(self._fds)} descriptors with a CDB instead of one")
        if whole is None:
            return None
        if self._part is _Part.CDB:
            return self._finish_cdb(whole)
        if self._part is _Part.PARAMETER_LIST:
            return self._finish_command(whole)
        if self._part is _Part.ORIGIN:
            return self._finish_origin(whole)
        if self._part is _Part.ORIGIN_SIZE:
            self._finish_origin_size(whole)
        else:
            self._finish_features(whole)
        return None

    @property
    def begun(self) -> bytes:
        """What was fed of the negotiation or of the request that is not complete, for `restore`."""
        if self._part in (_Part.FEATURES, _Part.CDB):
            return self._data
        if self._part is _Part.PARAMETER_LIST:
            return self._cdb + self._data
        whole = self._command.cdb + self._command.parameter_list
        if self._part is _Part.ORIGIN_SIZE:
            return whole + self._data
        return whole + SIZE_LAYOUT.pack(len(self._data) + self.needed) + self._data

    def restore(self, agreed: int | None, begun: bytes, fds: Sequence[OwnedFd] = ()) -> None:
        """Take the state of another decoder, before anything is fed. This one owns `fds` from then on.

        agreed: the features in use; None while the client has yet to say so. begun: see there.
        Raises ProtocolError if no conversation can be in this state.
        """
        self._fds += fds
        if agreed is not None:
            self.feed(FEATURES_LAYOUT.pack(agreed))
        if fds and not (begun and self.takes_descriptors):
            raise self._fail("had passed a descriptor without a CDB")
        negotiating = self.negotiating
        while begun:
            part, begun = begun[: self.needed], begun[self.needed :]
            request = self.feed(part)
            if request is not None:
                self._fds.append(request.device)
            if request is not None or self.negotiating is not negotiating:
                raise self._fail("had begun more than one request")

    def take_descriptor(self) -> OwnedFd | None:
        """The descriptor of the request that is not complete; the caller's from then on."""
        return self._fds.pop() if self._fds else None

    def close(self) -> None:
        """Close the descriptors of a request that will never be complete."""
        while self._fds:
            self._fds.pop().close()

    def _finish_features(self, features: bytes) -> None:
        wanted: int = FEATURES_LAYOUT.unpack(features)[0]
        if missing := wanted & ~self._offered:
            raise self._fail(f"wants features {missing:#x}, which were not offered")
        self.agreed = wanted
        self._part, self.needed = _Part.CDB, CDB_SIZE

    def _finish_cdb(self, cdb: bytes) -> Request | None:
        if not self._fds:
            raise self._fail("sent a CDB without a descriptor")
        if (fault := fault_of(cdb)) is not None:
            raise self._fail(f"sent {fault}")
        self._cdb = cdb
        if length := parameter_list_length(cdb):
            self._part, self.needed = _Part.PARAMETER_LIST, length
            return None
        return self._finish_command(b"")

    def _finish_command(self, parameter_list: bytes) -> Request | None:
        command = Command(self._cdb, parameter_list)
        if self.agreed & ON_BEHALF:
            self._command = command
            self._part, self.needed = _Part.ORIGIN_SIZE, SIZE_LAYOUT.size
            return None
        return self._finish_request(command, None)

    def _finish_origin_size(self, data: bytes) -> None:
        size: int = SIZE_LAYOUT.unpack(data)[0]
        if not 0 < size <= MAX_ORIGIN:
            raise self._fail(f"sent a client's identity of {size} bytes; 1 to {MAX_ORIGIN} are allowed")
        self._part, self.needed = _Part.ORIGIN, size

    def _finish_origin(self, data: bytes) -> Request:
        try:
            origin = decode_origin(data)
        except ValueError as error:
            raise self._fail(f"sent a client's identity that {error}") from error
        return self._finish_request(self._command, origin)

    def _finish_request(self, command: Command, origin: Origin | None) -> Request:
        self._part, self.needed = _Part.CDB, CDB_SIZE
        return Request(command, self._fds.pop(), origin)


def encode_response(outcome: Outcome, report: Report | None = None) -> bytes:
    """The response to one request; with the feature ON_BEHALF it needs a report."""
    report_bytes = b"" if report is None else encode_report(report)
    return RESPONSE_LAYOUT.pack(outcome.status, len(outcome.data)) + outcome.sense + outcome.data + report_bytes
