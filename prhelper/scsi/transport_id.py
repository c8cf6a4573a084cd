"""TransportIDs: the name of an initiator port in its transport protocol (SPC-4, 7.6.4).

Two TransportIDs are equal if they name the same port, regardless of padding and of upper and lower case.
iSCSI names of type `naa.` are not supported: their text could not be told from a SAS address.
"""

import re
import struct
from dataclasses import dataclass
from typing import TypeAlias

FIBRE_CHANNEL, ISCSI, SAS = 0x0, 0x5, 0x6  # protocol identifiers (SPC-4, table 499)

_MIN_SIZE = 24
_ADDRESS = re.compile(r"(naa|fc)\.([0-9a-f]{16})")
_ISCSI = re.compile(r"((?:iqn|eui)\.[^,\0]+)(?:,i,0x([0-9a-f]{1,12}))?")
_MAX_ISCSI_NAME = 223


class TransportIDError(ValueError):
    """Bytes or text that are not a TransportID, or of an unsupported protocol; the text says why."""


@dataclass(frozen=True, slots=True)
class FibreChannelPort:
    """An N_Port, by its N_Port_Name (7.6.4.2). Its text is `fc.` and 16 hexadecimal digits."""

    name: int

    def to_bytes(self) -> bytes:
        """As in parameter data: 24 bytes."""
        return struct.pack(">B7xQ8x", FIBRE_CHANNEL, self.name)

    def __str__(self) -> str:
        return f"fc.{self.name:016x}"


@dataclass(frozen=True, slots=True)
class SasPort:
    """A SAS port, by its SAS address (7.6.4.7). Its text is `naa.` and 16 hexadecimal digits."""

    address: int

    def to_bytes(self) -> bytes:
        """As in parameter data: 24 bytes."""
        return struct.pack(">B3xQ12x", SAS, self.address)

    def __str__(self) -> str:
        return f"naa.{self.address:016x}"


@dataclass(frozen=True, slots=True)
class IscsiPort:
    """An iSCSI initiator port, by the node's name and the session's ISID (7.6.4.6); without ISID, the whole node.

    Its text is the name, or the name, `,i,0x` and the ISID, as RFC 7143 (4.2.7.1) spells the name of a port.
    """

    name: str
    isid: int | None = None

    def to_bytes(self) -> bytes:
        """As in parameter data: at least 24 bytes, a multiple of four."""
        text = str(self).encode() + b"\0"
        size = max(_MIN_SIZE - 4, -(-len(text) // 4) * 4)
        code = ISCSI if self.isid is None else 0x40 | ISCSI
        return struct.pack(">BxH", code, size) + text.ljust(size, b"\0")

    def __str__(self) -> str:
        return self.name if self.isid is None else f"{self.name},i,0x{self.isid:012x}"


TransportID: TypeAlias = FibreChannelPort | SasPort | IscsiPort


def take_transport_id(data: bytes) -> tuple[TransportID, bytes]:
    """Read a TransportID from the start of `data`; return it and the remaining bytes. Raises TransportIDError."""
    if len(data) < _MIN_SIZE:
        raise TransportIDError(f"a TransportID has at least {_MIN_SIZE} bytes, not {len(data)}")
    code = data[0]
    if code & 0x0F == ISCSI:
        return _take_iscsi(data)
    if code == FIBRE_CHANNEL:
        return FibreChannelPort(_number(data[8:16])), data[_MIN_SIZE:]
    if code == SAS:
        return SasPort(_number(data[4:12])), data[_MIN_SIZE:]
    raise TransportIDError(f"format {code >> 6} of protocol {code & 0x0F:#x} is not known")


def parse_transport_id(text: str) -> TransportID:
    """Read the text form. Raises TransportIDError."""
    if match := _ADDRESS.fullmatch(text.lower()):
        return (SasPort if match[1] == "naa" else FibreChannelPort)(int(match[2], 16))
    return _parse_iscsi(text)


def _take_iscsi(data: bytes) -> tuple[IscsiPort, bytes]:
    end = 4 + int.from_bytes(data[2:4])
    if not _MIN_SIZE <= end <= len(data) or end % 4:
        raise TransportIDError(f"an iSCSI TransportID of {end} bytes, where there are {len(data)}")
    text, terminator, _padding = data[4:end].partition(b"\0")
    if not terminator:
        raise TransportIDError("an iSCSI name without its terminating null")
    try:
        port = _parse_iscsi(text.decode())
    except UnicodeDecodeError as error:
        raise TransportIDError("an iSCSI name that is not UTF-8") from error
    if data[0] >> 6 != (0 if port.isid is None else 1):
        raise TransportIDError(f"{port} in an iSCSI TransportID of format {data[0] >> 6}")
    return port, data[end:]


def _parse_iscsi(text: str) -> IscsiPort:
    match = _ISCSI.fullmatch(text.lower())
    if match is None or len(match[1].encode()) > _MAX_ISCSI_NAME:
        raise TransportIDError(f"{text!r} names no initiator port")
    return IscsiPort(match[1], None if match[2] is None else int(match[2], 16))


def _number(data: bytes) -> int:
    return int.from_bytes(data)
