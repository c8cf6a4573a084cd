"""What PERSISTENT RESERVE IN returns, made into values; and what is refused, or said to be cut off."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prhelper.scsi.parameter_data import (
    Capabilities,
    FullStatus,
    HeldReservation,
    Keys,
    ParameterDataError,
    Registrant,
    Reservation,
    parse_capabilities,
    parse_full_status,
    parse_keys,
    parse_reservation,
)
from prhelper.scsi.reservation import ReservationType
from prhelper.scsi.transport_id import FibreChannelPort, IscsiPort

FC = bytes.fromhex("00000000 00000000 2100001B32000001 0000000000000000")
ISCSI = b"\x45\0\0\x24" + b"iqn.2026-11.org:a,i,0x00023d000001".ljust(36, b"\0")
SRP = bytes.fromhex("04000000 00000000 000102030405060708090A0B0C0D0E0F")
NO_TYPES = frozenset[ReservationType]()


def with_header(body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">II", 9, len(body) if length is None else length) + body


def descriptor(transport_id: bytes, key: int = 1, flags: int = 0, kind: int = 0, size: int | None = None) -> bytes:
    length = len(transport_id) if size is None else size
    return struct.pack(">Q4xBB4xHI", key, flags, kind, 7, length) + transport_id


KEYS = {
    "none": (with_header(b""), Keys(9, (), True)),
    "two alike": (with_header(struct.pack(">QQ", 5, 5)), Keys(9, (5, 5), True)),
    "with a buffer behind": (with_header(struct.pack(">Q", 5)) + bytes(100), Keys(9, (5,), True)),
    "cut off between keys": (with_header(struct.pack(">QQ", 5, 6), 24), Keys(9, (5, 6), False)),
    "cut off in a key": (with_header(struct.pack(">QQ", 5, 6)[:15], 16), Keys(9, (5,), False)),
    "cut off at the header": (with_header(b"", 8), Keys(9, (), False)),
}


@pytest.mark.parametrize(("data", "expected"), KEYS.values(), ids=KEYS)
def test_keys_are_read_as_far_as_they_go(data: bytes, expected: Keys) -> None:
    assert parse_keys(data) == expected


RESERVATIONS = {
    "none": (with_header(b""), None),
    "write exclusive": (with_header(struct.pack(">Q5xB2x", 0xA1, 0x01)), Reservation(0xA1, 0x01)),
    "with more than it takes": (with_header(struct.pack(">Q5xB10x", 0xA1, 0x01)), Reservation(0xA1, 0x01)),
}


@pytest.mark.parametrize(("data", "expected"), RESERVATIONS.values(), ids=RESERVATIONS)
def test_a_reservation_is_read(data: bytes, expected: Reservation | None) -> None:
    assert parse_reservation(data) == HeldReservation(9, expected)


@pytest.mark.parametrize(
    ("scope_and_type", "scope", "kind", "everyone"),
    [
        (0x05, 0, ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY, False),
        (0x07, 0, ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS, True),
        (0x08, 0, ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS, True),
        (0x23, 2, ReservationType.EXCLUSIVE_ACCESS, False),
        (0x02, 0, 2, False),
    ],
)
def test_scope_and_type_are_told_apart(
    scope_and_type: int, scope: int, kind: ReservationType | int, everyone: bool
) -> None:
    reservation = Reservation(1, scope_and_type)
    assert (reservation.scope, reservation.type, reservation.is_all_registrants) == (scope, kind, everyone)


CAPABILITIES = {
    "nothing": ("0008 00 00 0000 0000", Capabilities(False, False, False, False, False, 0, False, None)),
    "replace lost reservation": (
        "0008 80 00 0000 0000",
        Capabilities(True, False, False, False, False, 0, False, None),
    ),
    "crh": ("0008 10 00 0000 0000", Capabilities(False, True, False, False, False, 0, False, None)),
    "sip_c": ("0008 08 00 0000 0000", Capabilities(False, False, True, False, False, 0, False, None)),
    "atp_c": ("0008 04 00 0000 0000", Capabilities(False, False, False, True, False, 0, False, None)),
    "ptpl_c": ("0008 01 00 0000 0000", Capabilities(False, False, False, False, True, 0, False, None)),
    "ptpl_a": ("0008 00 01 0000 0000", Capabilities(False, False, False, False, False, 0, True, None)),
    "allow commands": ("0008 00 50 0000 0000", Capabilities(False, False, False, False, False, 5, False, None)),
    "a mask that counts": ("0008 00 80 0000 0000", Capabilities(False, False, False, False, False, 0, False, NO_TYPES)),
    "a mask that does not": ("0008 00 00 FF01 0000", Capabilities(False, False, False, False, False, 0, False, None)),
}


@pytest.mark.parametrize(("data", "expected"), CAPABILITIES.values(), ids=CAPABILITIES)
def test_capabilities_are_read_bit_by_bit(data: str, expected: Capabilities) -> None:
    assert parse_capabilities(bytes.fromhex(data)) == expected


@pytest.mark.parametrize(
    ("mask", "kind"), [(0x0200, 1), (0x0800, 3), (0x2000, 5), (0x4000, 6), (0x8000, 7), (0x0001, 8)]
)
def test_each_type_has_its_bit_in_the_mask(mask: int, kind: int) -> None:
    data = struct.pack(">HBBH2x", 8, 0, 0x80, mask)
    assert parse_capabilities(data).types == frozenset({ReservationType(kind)})


def registrant(port: object, flags: tuple[bool, bool] = (False, False), kind: int = 0) -> Registrant:
    assert isinstance(port, FibreChannelPort | IscsiPort | bytes)
    return Registrant(1, *flags, kind, 7, port)


FC_PORT = FibreChannelPort(0x2100001B32000001)
ISCSI_PORT = IscsiPort("iqn.2026-11.org:a", 0x00023D000001)

FULL_STATUS = {
    "none": (with_header(b""), (), True),
    "two": (with_header(descriptor(FC) + descriptor(ISCSI)), (registrant(FC_PORT), registrant(ISCSI_PORT)), True),
    "the holder": (with_header(descriptor(FC, flags=1, kind=5)), (registrant(FC_PORT, (True, False), 5),), True),
    "of every port": (with_header(descriptor(FC, flags=2)), (registrant(FC_PORT, (False, True)),), True),
    "padded": (with_header(descriptor(FC + bytes(8))), (registrant(FC_PORT),), True),
    "a port of another protocol": (with_header(descriptor(SRP)), (registrant(SRP),), True),
    "a port with more behind": (with_header(descriptor(FC + b"more")), (registrant(FC + b"more"),), True),
    "without a port": (with_header(descriptor(b"")), (registrant(b""),), True),
    "cut off between two": (with_header(descriptor(FC), 96), (registrant(FC_PORT),), False),
    "cut off in a descriptor": (with_header(descriptor(FC) + bytes(9), 96), (registrant(FC_PORT),), False),
    "cut off in a port": (with_header(descriptor(FC) + descriptor(FC)[:30], 96), (registrant(FC_PORT),), False),
    "with a buffer behind": (with_header(descriptor(FC)) + bytes(100), (registrant(FC_PORT),), True),
}


@pytest.mark.parametrize(("data", "registrants", "complete"), FULL_STATUS.values(), ids=FULL_STATUS)
def test_full_status_is_read_as_far_as_it_goes(
    data: bytes, registrants: tuple[Registrant, ...], complete: bool
) -> None:
    assert parse_full_status(data) == FullStatus(9, registrants, complete)


def test_only_the_holder_has_a_type() -> None:
    holder, other = registrant(FC_PORT, (True, False), 5), registrant(FC_PORT, (False, False), 5)
    assert (holder.type, other.type) == (ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY, None)


Parse = Callable[[bytes], object]

RUBBISH: dict[str, tuple[Parse, bytes]] = {
    "keys: nothing": (parse_keys, b""),
    "keys: half a header": (parse_keys, bytes(7)),
    "keys: of seven bytes": (parse_keys, with_header(bytes(7))),
    "reservation: nothing": (parse_reservation, b""),
    "reservation: of eight bytes": (parse_reservation, with_header(bytes(8))),
    "reservation: cut off": (parse_reservation, with_header(bytes(15), 16)),
    "reservation: a length of eight": (parse_reservation, with_header(bytes(16), 8)),
    "capabilities: cut off": (parse_capabilities, bytes.fromhex("0008 00 00 0000 00")),
    "capabilities: a length of seven": (parse_capabilities, bytes.fromhex("0007 00 00 0000 0000")),
    "full status: nothing": (parse_full_status, b""),
    "full status: less than a descriptor": (parse_full_status, with_header(bytes(23))),
    "full status: a port beyond the end": (parse_full_status, with_header(descriptor(FC, size=25))),
    "full status: a port of 4 GiB": (parse_full_status, with_header(descriptor(FC, size=2**32 - 1)) + bytes(8000)),
}


@pytest.mark.parametrize(("parse", "data"), RUBBISH.values(), ids=RUBBISH)
def test_what_contradicts_itself_is_refused(parse: Parse, data: bytes) -> None:
    with pytest.raises(ParameterDataError):
        parse(data)


@pytest.mark.parametrize("parse", [parse_keys, parse_reservation, parse_capabilities, parse_full_status])
@given(data=st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(parse: Parse, data: bytes) -> None:
    try:
        parse(data)
    except ParameterDataError as error:
        assert str(error)  # noqa: PT017 (there may be none)
