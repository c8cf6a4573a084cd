"""What PERSISTENT RESERVE IN returns, made into values (SPC-4, 6.15).

Lengths are believed only as far as there is data. What follows the length that the header tells is ignored: not every
driver says how much of a buffer a device has filled.
"""

import struct
from typing import NamedTuple

from .reservation import ReservationType
from .transport_id import TransportID, TransportIDError, take_transport_id

_HEADER = struct.Struct(">II")  # PRGENERATION, ADDITIONAL LENGTH
_KEY = struct.Struct(">Q")
_RESERVATION = struct.Struct(">Q5xB2x")  # key, scope and type
_CAPABILITIES = struct.Struct(">HBBH2x")  # length, flags, flags, type mask
_REGISTRANT = struct.Struct(">Q4xBB4xHI")  # key, flags, scope and type, target port, length of the TransportID

_CRH, _SIP_C, _ATP_C, _PTPL_C, _RLR_C = 0x10, 0x08, 0x04, 0x01, 0x80
_TMV, _ALLOW_COMMANDS, _PTPL_A = 0x80, 0x70, 0x01
_ALL_TG_PT, _R_HOLDER = 0x02, 0x01

_TYPE_MASK = {
    ReservationType.WRITE_EXCLUSIVE: 0x0200,
    ReservationType.EXCLUSIVE_ACCESS: 0x0800,
    ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY: 0x2000,
    ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: 0x4000,
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS: 0x8000,
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS: 0x0001,
}

ALL_REGISTRANTS = (
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS,
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
)


class ParameterDataError(ValueError):
    """The device returned what the standard does not allow; the text says what."""


class Keys(NamedTuple):
    """READ KEYS: one key a registration, alike or not.

    generation: PRGENERATION, which each change of the registrations raises, but for those that REGISTER AND MOVE makes.
    complete: whether that is all; else there are more than fit into one command.
    """

    generation: int
    keys: tuple[int, ...]
    complete: bool


class Reservation(NamedTuple):
    """A reservation. key: the holder's; 0 if every registrant holds it."""

    key: int
    scope_and_type: int

    @property
    def scope(self) -> int:
        """0 is the logical unit, the only value that is not obsolete."""
        return self.scope_and_type >> 4

    @property
    def type(self) -> ReservationType | int:
        """A number if SPC-4 has no name for it."""
        return type_of(self.scope_and_type)

    @property
    def is_all_registrants(self) -> bool:
        """Whether every registrant holds it."""
        return self.type in ALL_REGISTRANTS


class HeldReservation(NamedTuple):
    """READ RESERVATION. reservation: None if there is none. generation: as in `Keys`."""

    generation: int
    reservation: Reservation | None


class Capabilities(NamedTuple):
    """REPORT CAPABILITIES, with SPC-4's names.

    rlr_c: REPLACE LOST RESERVATION is supported.
    crh: RESERVE and RELEASE of SCSI-2 go along with persistent reservations.
    sip_c, atp_c, ptpl_c: SPEC_I_PT, ALL_TG_PT and APTPL are supported.
    allow_commands: a code of SPC-4's table 208.
    ptpl_a: APTPL is in force: registrations survive a loss of power.
    types: which the device supports; None if it does not say.
    """

    rlr_c: bool
    crh: bool
    sip_c: bool
    atp_c: bool
    ptpl_c: bool
    allow_commands: int
    ptpl_a: bool
    types: frozenset[ReservationType] | None


class Registrant(NamedTuple):
    """One registration in READ FULL STATUS.

    r_holder: whether it holds the reservation.
    all_tg_pt: it is of every target port; then `relative_target_port` means nothing.
    scope_and_type: those of the reservation, if `r_holder`.
    transport_id: the initiator port; bytes if they name it in a way that is not known here.
    """

    key: int
    r_holder: bool
    all_tg_pt: bool
    scope_and_type: int
    relative_target_port: int
    transport_id: TransportID | bytes

    @property
    def type(self) -> ReservationType | int | None:
        """The reservation's; None if this one does not hold it."""
        return type_of(self.scope_and_type) if self.r_holder else None


class FullStatus(NamedTuple):
    """READ FULL STATUS. `generation`, `complete`: as in `Keys`."""

    generation: int
    registrants: tuple[Registrant, ...]
    complete: bool


def type_of(scope_and_type: int) -> ReservationType | int:
    """The reservation type in the lower half of a byte; a number if SPC-4 has no name for it."""
    code = scope_and_type & 0x0F
    try:
        return ReservationType(code)
    except ValueError:
        return code


def parse_keys(data: bytes) -> Keys:
    """Read what READ KEYS returned. Raises ParameterDataError."""
    generation, length = _header(data)
    if length % _KEY.size:
        raise ParameterDataError(f"READ KEYS: an ADDITIONAL LENGTH of {length}, which is no multiple of {_KEY.size}")
    body = data[_HEADER.size : _HEADER.size + length]
    whole = body[: len(body) // _KEY.size * _KEY.size]
    return Keys(generation, tuple(key for (key,) in _KEY.iter_unpack(whole)), len(body) == length)


def parse_reservation(data: bytes) -> HeldReservation:
    """Read what READ RESERVATION returned. Raises ParameterDataError."""
    generation, length = _header(data)
    if not length:
        return HeldReservation(generation, None)
    if length < _RESERVATION.size:
        raise ParameterDataError(f"READ RESERVATION: an ADDITIONAL LENGTH of {length}, neither 0 nor 16")
    if len(data) < _HEADER.size + _RESERVATION.size:
        raise ParameterDataError(f"READ RESERVATION: only {len(data)} bytes of a reservation")
    return HeldReservation(generation, Reservation(*_RESERVATION.unpack_from(data, _HEADER.size)))


def parse_capabilities(data: bytes) -> Capabilities:
    """Read what REPORT CAPABILITIES returned. Raises ParameterDataError."""
    if len(data) < _CAPABILITIES.size:
        raise ParameterDataError(f"REPORT CAPABILITIES: {len(data)} bytes; {_CAPABILITIES.size} are the least")
    length, can, now, mask = _CAPABILITIES.unpack_from(data)
    if length < _CAPABILITIES.size:
        raise ParameterDataError(f"REPORT CAPABILITIES: a LENGTH of {length}; {_CAPABILITIES.size} is the least")
    return Capabilities(
        rlr_c=bool(can & _RLR_C),
        crh=bool(can & _CRH),
        sip_c=bool(can & _SIP_C),
        atp_c=bool(can & _ATP_C),
        ptpl_c=bool(can & _PTPL_C),
        allow_commands=(now & _ALLOW_COMMANDS) >> 4,
        ptpl_a=bool(now & _PTPL_A),
        types=frozenset(kind for kind, bit in _TYPE_MASK.items() if mask & bit) if now & _TMV else None,
    )


def parse_full_status(data: bytes) -> FullStatus:
    """Read what READ FULL STATUS returned. Raises ParameterDataError."""
    generation, length = _header(data)
    told, there = _HEADER.size + length, len(data)
    found, at = [], _HEADER.size
    while at < told:
        body = at + _REGISTRANT.size
        if body > told:
            raise ParameterDataError(f"READ FULL STATUS: {told - at} bytes are left for a descriptor of at least 24")
        if body > there:
            break
        key, flags, scope_and_type, port, size = _REGISTRANT.unpack_from(data, at)
        at = body + size
        if at > told:
            raise ParameterDataError(f"READ FULL STATUS: a TransportID of {size} bytes where {told - body} are left")
        if at > there:
            break
        holds, everywhere = bool(flags & _R_HOLDER), bool(flags & _ALL_TG_PT)
        found.append(Registrant(key, holds, everywhere, scope_and_type, port, _transport_id(data[body:at])))
    return FullStatus(generation, tuple(found), there >= told)


def _header(data: bytes) -> tuple[int, int]:
    if len(data) < _HEADER.size:
        raise ParameterDataError(f"parameter data of {len(data)} bytes; {_HEADER.size} are the least")
    generation, length = _HEADER.unpack_from(data)
    return generation, length


def _transport_id(data: bytes) -> TransportID | bytes:
    try:
        found, rest = take_transport_id(data)
    except TransportIDError:
        return data
    return data if any(rest) else found
