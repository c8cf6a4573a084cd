"""Sense data: what went wrong, in the standard's three numbers (SPC-4, 4.5)."""

from dataclasses import dataclass

from .sense_names import ADDITIONAL_SENSE, SENSE_KEYS

SENSE_SIZE = 96
"""Bytes of sense data in SG_IO and in a response of the helper (QEMU's PR_HELPER_SENSE_SIZE)."""

UNIT_ATTENTION = 0x06
"""Sense key: something has changed since the last command, and this one was not carried out."""

_FIXED_CURRENT = 0x70
_DESCRIPTOR_FORMATS = (0x72, 0x73)
_FIXED_FORMATS = (0x70, 0x71)


@dataclass(frozen=True, slots=True)
class Sense:
    """Sense key, additional sense code and its qualifier."""

    key: int
    asc: int
    ascq: int

    def to_bytes(self) -> bytes:
        """Current sense data in fixed format (SPC-4, 4.5.3), padded with zeros to `SENSE_SIZE`."""
        data = bytearray(SENSE_SIZE)
        data[0] = _FIXED_CURRENT
        data[2] = self.key
        data[7] = 10  # additional sense length: up to byte 17
        data[12] = self.asc
        data[13] = self.ascq
        return bytes(data)

    @classmethod
    def parse(cls, data: bytes) -> "Sense | None":
        """Read sense data in fixed or descriptor format; None if it is neither or too short."""
        response_code = data[0] & 0x7F if data else 0
        if response_code in _DESCRIPTOR_FORMATS and len(data) >= 4:
            return cls(data[1] & 0x0F, data[2], data[3])
        if response_code in _FIXED_FORMATS and len(data) >= 14:
            return cls(data[2] & 0x0F, data[12], data[13])
        return None

    def __str__(self) -> str:
        numbers = f"{self.key:02X}/{self.asc:02X}/{self.ascq:02X}"
        key = SENSE_KEYS.get(self.key, "reserved sense key")
        meaning = ADDITIONAL_SENSE.get((self.asc, self.ascq))
        return f"{numbers} {key}" + (f", {meaning}" if meaning else "")


NO_MEDIUM = Sense(0x02, 0x3A, 0x00)
READ_ERROR = Sense(0x03, 0x11, 0x00)
TARGET_FAILURE = Sense(0x04, 0x44, 0x00)
PARAMETER_LIST_LENGTH_ERROR = Sense(0x05, 0x1A, 0x00)
INVALID_OPCODE = Sense(0x05, 0x20, 0x00)
INVALID_FIELD = Sense(0x05, 0x24, 0x00)
INVALID_FIELD_IN_PARAMETER_LIST = Sense(0x05, 0x26, 0x00)
INVALID_RELEASE = Sense(0x05, 0x26, 0x04)
INSUFFICIENT_REGISTRATION_RESOURCES = Sense(0x05, 0x55, 0x04)
RESET_OCCURRED = Sense(0x06, 0x29, 0x00)
RESERVATIONS_PREEMPTED = Sense(0x06, 0x2A, 0x03)
RESERVATIONS_RELEASED = Sense(0x06, 0x2A, 0x04)
REGISTRATIONS_PREEMPTED = Sense(0x06, 0x2A, 0x05)
SPACE_ALLOC_FAILED = Sense(0x07, 0x27, 0x07)
IO_TERMINATED = Sense(0x0B, 0x00, 0x06)
LUN_NOT_RESPONDING = Sense(0x0B, 0x05, 0x00)
LUN_COMM_FAILURE = Sense(0x0B, 0x08, 0x00)
I_T_NEXUS_LOSS = Sense(0x0B, 0x29, 0x07)
COMMAND_TIMEOUT = Sense(0x0B, 0x2E, 0x02)
COMMAND_ABORTED = Sense(0x0B, 0x2F, 0x02)
