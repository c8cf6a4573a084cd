"""PERSISTENT RESERVE IN: parameter data against bytes laid out by hand (SPC-4, 6.15), whole and truncated."""

from dataclasses import replace

import pytest

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import State
from prhelper.scsi.reservation import Command, InAction, ReservationType

from ....support.spc import INVALID_FIELD_IN_CDB, reserve_in
from .unit import KA, KB, TYPES, WA, WE, A, B, answer, read, registered

EMPTY = replace(State(), generation=0xFFFFFFFE)
FULL = replace(registered(A, B, holder=B, kind=WE), generation=7)
TRANSPORT_ID_A = "06000000500000000000000a" + "00" * 12
TRANSPORT_ID_B = "06000000500000000000000b" + "00" * 12

VECTORS = {
    "no keys": (EMPTY, InAction.READ_KEYS, "fffffffe 00000000"),
    "keys": (FULL, InAction.READ_KEYS, "00000007 00000010 00000000aaaa0001 00000000bbbb0002"),
    "no reservation": (EMPTY, InAction.READ_RESERVATION, "fffffffe 00000000"),
    "reservation": (FULL, InAction.READ_RESERVATION, "00000007 00000010 00000000bbbb0002 00000000 00 01 0000"),
    "capabilities": (EMPTY, InAction.REPORT_CAPABILITIES, "0008 1d 90 ea01 0000"),
    "capabilities, persistent": (replace(EMPTY, aptpl=True), InAction.REPORT_CAPABILITIES, "0008 1d 91 ea01 0000"),
    "no full status": (EMPTY, InAction.READ_FULL_STATUS, "fffffffe 00000000"),
    "full status": (
        FULL,
        InAction.READ_FULL_STATUS,
        "00000007 00000060"
        + ("00000000aaaa0001 00000000 00 00 00000000 0001 00000018" + TRANSPORT_ID_A)
        + ("00000000bbbb0002 00000000 01 01 00000000 0001 00000018" + TRANSPORT_ID_B),
    ),
}


@pytest.mark.parametrize(("state", "action", "data"), VECTORS.values(), ids=VECTORS)
def test_data_is_as_the_standard_lays_it_out_and_cut_where_the_allocation_ends(
    state: State, action: int, data: str
) -> None:
    whole = bytes.fromhex(data)
    for allocation in (*range(len(whole) + 2), 0xFFFF):
        assert read(state, A, action, allocation) == whole[:allocation]


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_is_reported_and_the_key_is_zero_where_all_hold(kind: ReservationType) -> None:
    data = read(registered(A, B, holder=A, kind=kind), B, InAction.READ_RESERVATION)
    assert (int.from_bytes(data[8:16]), data[21]) == (0 if kind >= WA else KA, kind)


def test_every_registrant_is_reported_as_holder_where_all_hold() -> None:
    data = read(registered(A, B, holder=A, kind=WA), B, InAction.READ_FULL_STATUS)
    assert [data[8 + at : 8 + at + 14].hex() for at in (0, 48)] == [
        f"{key:016x}00000000{1:02x}{WA:02x}" for key in (KA, KB)
    ]


def test_registration_through_another_port_says_so() -> None:
    state = State(ports=(1, 2)).registered([replace(A, relative_port=2)], KA)
    assert read(state, A, InAction.READ_FULL_STATUS)[26:28] == b"\0\x02"


@pytest.mark.parametrize("action", range(4, 32))
def test_unknown_service_action_is_an_invalid_field(action: int) -> None:
    after, outcome = execute(FULL, A, Command(reserve_in(action)))
    assert (after, answer(outcome)) == (FULL, INVALID_FIELD_IN_CDB)
