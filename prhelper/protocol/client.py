"""The client's half: requests out, responses in."""

from __future__ import annotations

import enum
from typing import NamedTuple

from ..scsi.outcome import Outcome
from ..scsi.reservation import CDB_SIZE, Command
from ..scsi.sense import SENSE_SIZE
from ..scsi.status import Status
from .framing import FEATURES_LAYOUT, ON_BEHALF, RESPONSE_LAYOUT, Collector, fault_of, parameter_list_length
from .on_behalf import MAX_REPORT, SIZE_LAYOUT, Origin, Report, decode_report, encode_origin

_MAX_STATUS = 0xFF


class Response(NamedTuple):
    """The answer to a command; with the feature ON_BEHALF, what the worker says about it."""

    outcome: Outcome
    report: Report | None = None


class _Part(enum.Enum):
    """What the client reads next."""

    FEATURES = enum.auto()
    HEAD = enum.auto()
    PAYLOAD = enum.auto()
    REPORT_SIZE = enum.auto()
    REPORT = enum.auto()


class ResponseDecoder(Collector):
    """Turns the bytes that the helper sends into its features, then a response to each request.

    Tell it of each request by `expect`, read at most `needed` bytes, and `feed` them. While `needed` is 0, no response
    is due, and any byte from the helper breaks the protocol.

    wanted: the features that the client wants if the helper offers them.
    """

    def __init__(self, wanted: int = 0) -> None:
        super().__init__()
        self._wanted = wanted
        self._part = _Part.FEATURES
        self._max_payload = 0
        self._outcome = Outcome(0)
        self.agreed = 0
        """The features in use, once the helper has said what it offers: what the client must answer."""

    @property
    def negotiating(self) -> bool:
        """Whether the helper has yet to say which features it offers."""
        return self._part is _Part.FEATURES

    def expect(self, command: Command) -> None:
        """Say which command the next response will answer. RuntimeError if another response is still due."""
        if self.needed:  # the features too are due
            raise RuntimeError("the helper has yet to answer what it was sent before")
        self._max_payload = 0 if command.is_out else command.length
        self._part, self.needed = _Part.HEAD, RESPONSE_LAYOUT.size + SENSE_SIZE

    def feed(self, data: bytes) -> Response | None:
        """Take what was read: 1 to `needed` bytes. The response that this completes; None if it is not complete yet.

        Raises ProtocolError, now and ever after, if the helper broke the protocol.
        """
        if not self.needed and not self._failed:
            raise self._fail(f"sent {len(data)} bytes that answer no request")
        if (whole := self._collect(data)) is None:
            return None
        if self._part is _Part.HEAD:
            return self._finish_head(whole)
        if self._part is _Part.PAYLOAD:
            return self._finish_outcome(self._outcome._replace(data=whole))
        if self._part is _Part.REPORT:
            return self._finish_report(whole)
        if self._part is _Part.REPORT_SIZE:
            self._finish_report_size(whole)
        else:
            self._finish_features(whole)
        return None

    def _finish_features(self, features: bytes) -> None:
        self.agreed = FEATURES_LAYOUT.unpack(features)[0] & self._wanted
        self._part = _Part.HEAD

    def _finish_head(self, head: bytes) -> Response | None:
        status, size = RESPONSE_LAYOUT.unpack_from(head)
        if not 0 <= status <= _MAX_STATUS:
            raise self._fail(f"sent status {status}, which is not one byte")
        room = self._max_payload if status == Status.GOOD else 0
        if not 0 <= size <= room:
            raise self._fail(f"sent a payload of {size} bytes where there is room for {room}")
        outcome = Outcome(status, head[RESPONSE_LAYOUT.size :])
        if not size:
            return self._finish_outcome(outcome)
        self._outcome = outcome
        self._part, self.needed = _Part.PAYLOAD, size
        return None

    def _finish_outcome(self, outcome: Outcome) -> Response | None:
        if not self.agreed & ON_BEHALF:
            return Response(outcome)
        self._outcome = outcome
        self._part, self.needed = _Part.REPORT_SIZE, SIZE_LAYOUT.size
        return None

    def _finish_report_size(self, data: bytes) -> None:
        size: int = SIZE_LAYOUT.unpack(data)[0]
        if not 0 < size <= MAX_REPORT:
            raise self._fail(f"sent a report of {size} bytes; 1 to {MAX_REPORT} are allowed")
        self._part, self.needed = _Part.REPORT, size

    def _finish_report(self, data: bytes) -> Response:
        try:
            return Response(self._outcome, decode_report(data))
        except ValueError as error:
            raise self._fail(f"sent a report that {error}") from error


def encode_request(command: Command, origin: Origin | None = None) -> bytes:
    """A request. Attach the descriptor of the device to its first byte. With the feature ON_BEHALF it needs an origin.

    Raises ValueError for a command that a helper would hang up on: no PERSISTENT RESERVE, more than MAX_DATA, or a
    parameter list of another length than the CDB says.
    """
    cdb, parameter_list = command
    if len(cdb) != CDB_SIZE:
        raise ValueError(f"a CDB of {len(cdb)} bytes; {CDB_SIZE} are needed")
    if (fault := fault_of(cdb)) is not None:
        raise ValueError(fault)
    if len(parameter_list) != (length := parameter_list_length(cdb)):
        raise ValueError(f"a parameter list of {len(parameter_list)} bytes where the CDB says {length}")
    return cdb + parameter_list + (b"" if origin is None else encode_origin(origin))
