"""PERSISTENT RESERVE IN through the helper: every service action, whole and cut short."""

from __future__ import annotations

import struct

import pytest

from tests.support.nexus import Holder, Nexus
from tests.support.spc import ALL_REGISTRANTS, CHECK_CONDITION, GOOD, TYPES, In, Out, sense_code

from .. import lio

Nexuses = list[Nexus]


def test_nobody_registered_shows_no_keys(nexuses: Nexuses) -> None:
    assert nexuses[0].keys() == []


def test_every_registered_key_is_listed_to_everyone(nexuses: Nexuses) -> None:
    for key, nexus in enumerate(nexuses, 0xA0):
        assert nexus.write(Out.REGISTER, new=key).status == GOOD
    assert [sorted(nexus.keys()) for nexus in nexuses] == [[0xA0, 0xA1, 0xA2]] * 3


def test_without_reservation_read_reservation_names_none(nexuses: Nexuses) -> None:
    nexuses[0].write(Out.REGISTER, new=0xA)
    assert nexuses[1].reservation() is None


@pytest.mark.parametrize("kind", TYPES)
def test_read_reservation_shows_type_and_holder_to_everyone(nexuses: Nexuses, kind: int) -> None:
    nexuses[0].write(Out.REGISTER, new=0xA)
    assert nexuses[0].write(Out.RESERVE, key=0xA, kind=kind).status == GOOD
    key = 0 if kind in ALL_REGISTRANTS else 0xA
    assert [nexus.reservation() for nexus in nexuses] == [Holder(key, kind)] * 3


def test_report_capabilities_passes_the_type_mask(nexuses: Nexuses) -> None:
    size, flags, more_flags, mask = struct.unpack(">HBBH2x", nexuses[0].good(In.REPORT_CAPABILITIES))
    assert (size, flags, mask) == (8, 0b00011101, 0xEA01)
    assert more_flags & 0x80  # the mask is valid


def test_read_full_status_tells_who_holds_and_through_which_initiator(nexuses: Nexuses) -> None:
    for key, nexus in enumerate(nexuses, 0xA0):
        nexus.write(Out.REGISTER, new=key)
    nexuses[1].write(Out.RESERVE, key=0xA1, kind=1)
    registrants = sorted(nexuses[2].registrants(), key=lambda registrant: registrant.key)
    assert [(r.key, r.holds) for r in registrants] == [(0xA0, False), (0xA1, True), (0xA2, False)]
    assert [r.transport_id[4:12].hex() for r in registrants] == [lio.initiator(n) for n in range(3)]


@pytest.mark.parametrize("action", list(In))
def test_helper_and_straight_command_read_the_same(nexuses: Nexuses, direct: Nexuses, action: In) -> None:
    for key, nexus in enumerate(nexuses, 0xA0):
        nexus.write(Out.REGISTER, new=key)
    nexuses[0].write(Out.RESERVE, key=0xA0, kind=5)
    ours, kernels = nexuses[0].read(action), direct[0].read(action)
    size = 4 + int.from_bytes(kernels.payload[4:8]) if action != In.REPORT_CAPABILITIES else 8
    assert (ours.status, ours.payload[:size]) == (kernels.status, kernels.payload[:size])


@pytest.mark.parametrize("allocation", [8, 12, 16, 20, 24, 8192])
def test_answer_is_never_longer_than_the_allocation_length(nexuses: Nexuses, allocation: int) -> None:
    for key, nexus in enumerate(nexuses, 0xA0):
        nexus.write(Out.REGISTER, new=key)
    answer = nexuses[0].read(In.READ_KEYS, allocation)
    assert answer.status == GOOD
    assert len(answer.payload) <= allocation
    assert answer.payload[4:8] == bytes([0, 0, 0, 24])  # however little room: the length of the whole list
    whole = nexuses[0].good(In.READ_KEYS)
    assert answer.payload == whole[: len(answer.payload)]


@pytest.mark.parametrize(("action", "allocation"), [(In.READ_KEYS, 0), (0x1F, 8192)])
def test_what_the_unit_rejects_comes_back_with_its_own_sense(
    nexuses: Nexuses, direct: Nexuses, action: int, allocation: int
) -> None:
    ours, kernels = nexuses[0].read(action, allocation), direct[0].read(action, allocation)
    assert ours.status == kernels.status == CHECK_CONDITION
    assert sense_code(ours.sense) == (5, 0x24, 0)
    assert ours.sense == kernels.sense.ljust(96, b"\0")
    assert ours.payload == b""
