"""What parameter data says, cut off anywhere, and what a guest's command asks for."""

import struct

import pytest

from prhelper.device.multipath.rules import commands
from prhelper.device.multipath.rules.commands import Registration, Wanted
from prhelper.scsi.parameter_data import Reservation
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.transport_id import SasPort

from .....support.spc import SPEC_I_PT
from ...emulated.unit import listed, move, out, out_raw
from .cluster import K2, OURS, SOURCE, K, T

PORT = OURS["a"].transport_id
HEADER = struct.pack(">II", 5, 24)
RESERVATION = struct.pack(">II", 5, 16) + struct.pack(">Q5xB2x", K, 0x15)


def full_status(*registrations: tuple[int, int, bytes], beyond: int = 0) -> bytes:
    """READ FULL STATUS as SPC-4 has it (table 205): key, whether it holds, and TransportID of each."""
    body = b"".join(struct.pack(">Q4xBB4xHI", key, holds, 5, 1, len(port)) + port for key, holds, port in registrations)
    return struct.pack(">II", 5, len(body) + beyond) + body


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (full_status(), []),
        (full_status((K, 1, PORT.to_bytes())), [Registration(K, PORT, True)]),
        (
            full_status((K, 0, PORT.to_bytes()), (K2, 1, SasPort(1).to_bytes())),
            [Registration(K, PORT, False), Registration(K2, SasPort(1), True)],
        ),
        (full_status((K, 0, PORT.to_bytes())) + bytes(40), [Registration(K, PORT, False)]),  # more than it says
        (full_status((K, 0, PORT.to_bytes()))[:-1], None),
        (full_status((K, 0, PORT.to_bytes()), beyond=1), None),
        (full_status((K, 0, PORT.to_bytes()), beyond=8) + bytes(8), None),  # half a descriptor
        (full_status((K, 0, b"\xff" + bytes(23))), None),  # a protocol that is not known
        (full_status((K, 0, b"")), None),
        (b"", None),
    ],
)
def test_full_status_is_read_whole_or_not_at_all(data: bytes, found: list[Registration] | None) -> None:
    assert commands.full_status_in(data) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (RESERVATION, Reservation(K, 0x15)),
        (struct.pack(">II", 5, 0), None),
        (struct.pack(">II", 5, 0) + bytes(16), None),
    ],
)
def test_reservation_is_there_if_the_data_is(data: bytes, found: Reservation | None) -> None:
    assert commands.reservation_in(data) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (bytes(7), None),
        (b"\0\x08\0\x01" + bytes(4), True),
        (b"\0\x08\0\x81" + bytes(4), True),
        (b"\0\x08\xff\xfe" + bytes(4), False),
    ],
)
def test_aptpl_is_in_force_if_the_unit_says_so(data: bytes, found: bool | None) -> None:
    assert commands.aptpl_in(data) is found


def test_keys_that_are_cut_off_are_not_read() -> None:
    data = struct.pack(">IIQQ", 5, 24, K, K2) + bytes(7)
    assert commands.keys_in(data) == [K, K2]


@pytest.mark.parametrize(
    ("action", "data", "is_cut_off"),
    [
        (InAction.READ_KEYS, b"", False),
        (InAction.READ_KEYS, struct.pack(">II", 5, 8), True),
        (InAction.READ_KEYS, struct.pack(">IIQ", 5, 8, K), False),
        (InAction.READ_FULL_STATUS, struct.pack(">IIQ", 5, 9, K), True),
        (InAction.READ_RESERVATION, struct.pack(">IIQ", 5, 16, K), False),
        (InAction.REPORT_CAPABILITIES, struct.pack(">II", 0x00080000, 0x80000000), False),
    ],
)
def test_what_is_cut_off_is_known_by_its_length(action: InAction, data: bytes, is_cut_off: bool) -> None:
    assert commands.is_cut_off(action, data) == is_cut_off


@pytest.mark.parametrize("size", [0, 15, 16, 23])
def test_short_list_asks_for_nothing(size: int) -> None:
    assert Wanted.of(out_raw(OutAction.REGISTER, bytes(size))) is None


@pytest.mark.parametrize(
    ("command", "is_plain"),
    [
        (out(OutAction.REGISTER, 0, K), True),
        (out(OutAction.REGISTER, 0, K, flags=SPEC_I_PT), False),
        (out(OutAction.REGISTER, 0, K, additional=bytes(1)), False),
        (out(OutAction.REGISTER, 0, K, flags=SPEC_I_PT, additional=listed(PORT)), False),
    ],
)
def test_basic_parameter_list_is_plain(command: Command, is_plain: bool) -> None:
    wanted = Wanted.of(command)
    assert wanted is not None
    assert wanted.is_plain is is_plain


def test_heir_is_the_port_that_is_named_if_it_is_known() -> None:
    named = Wanted.of(move(K, K2, SOURCE.transport_id))
    unknown = Wanted.of(out_raw(OutAction.REGISTER_AND_MOVE, bytes(24) + b"\xff" + bytes(23)))
    assert named is not None
    assert unknown is not None
    assert (named.heir, unknown.heir) == (SOURCE.transport_id, None)


def test_temporary_key_is_always_the_same_unless_it_is_taken() -> None:
    assert commands.temporary_key(K, ()) == commands.temporary_key(K, [K, K2]) == T
    assert commands.temporary_key(K, [T]) not in (0, K, T)
