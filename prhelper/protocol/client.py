"""The client's half: requests out, responses in."""

from ..scsi.outcome import Outcome
from ..scsi.reservation import CDB_SIZE, Command
from ..scsi.sense import SENSE_SIZE
from ..scsi.status import Status
from .framing import RESPONSE_LAYOUT, Collector, fault_of, parameter_list_length

_MAX_STATUS = 0xFF


class ResponseDecoder(Collector):
    """Turns the bytes that the helper sends into its features, then a response to each request.

    Tell it of each request by `expect`, read at most `needed` bytes, and `feed` them. While `needed` is 0, no response
    is due, and any byte from the helper breaks the protocol.
    """

    def __init__(self) -> None:
        super().__init__()
        self._max_payload = 0
        self._head: Outcome | None = None
        self.negotiating = True
        """Whether the helper has yet to say which features it offers."""

    def expect(self, command: Command) -> None:
        """Say which command the next response will answer. RuntimeError if another response is still due."""
        if self.needed:  # the features too are due
            raise RuntimeError("the helper has yet to answer what it was sent before")
        self._max_payload = 0 if command.is_out else command.length
        self.needed = RESPONSE_LAYOUT.size + SENSE_SIZE

    def feed(self, data: bytes) -> Outcome | None:
        """Take what was read: 1 to `needed` bytes. The response that this completes; None if it is not complete yet.

        Raises ProtocolError, now and ever after, if the helper broke the protocol.
        """
        if not self.needed and not self._failed:
            raise self._fail(f"sent {len(data)} bytes that answer no request")
        if (whole := self._collect(data)) is None:
            return None
        if self.negotiating:
            self.negotiating = False  # whatever it offers: we want nothing
            return None
        if self._head is None:
            return self._finish_head(whole)
        response, self._head = self._head._replace(data=whole), None
        return response

    def _finish_head(self, head: bytes) -> Outcome | None:
        status, size = RESPONSE_LAYOUT.unpack_from(head)
        if not 0 <= status <= _MAX_STATUS:
            raise self._fail(f"sent status {status}, which is not one byte")
        room = self._max_payload if status == Status.GOOD else 0
        if not 0 <= size <= room:
            raise self._fail(f"sent a payload of {size} bytes where there is room for {room}")
        response = Outcome(status, head[RESPONSE_LAYOUT.size :])
        if not size:
            return response
        self._head, self.needed = response, size
        return None


def encode_request(command: Command) -> bytes:
    """A request. Attach the descriptor of the device to its first byte.

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
    return cdb + parameter_list
