"""REGISTER, REGISTER AND IGNORE EXISTING KEY: each row of the standard's tables 67 and 68."""

from dataclasses import replace

import pytest

from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.reservation import OutAction, ReservationType
from prhelper.scsi.transport_id import FibreChannelPort, IscsiPort, TransportID

from ....support.spc import (
    ALL_TG_PT,
    APTPL,
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_PARAMETER_LIST,
    RESERVATIONS_RELEASED,
    SPEC_I_PT,
)
from .unit import (
    ER,
    KA,
    KB,
    KC,
    TYPES,
    WA,
    WE,
    WR,
    A,
    Answer,
    B,
    C,
    attentions_of,
    keys_of,
    listed,
    out,
    registered,
    run,
)

REGISTER, IGNORE = OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY
NEW = 0x1234_5678_9ABC_DEF0
B_LISTED = listed(B.transport_id)

# Registered before, existing key, new key, flags; the answer, A's key afterwards, and by how much PRGENERATION counts.
TABLE_67 = [
    (False, 0, 0, 0, GOOD, None, 0),
    (False, 0, 0, SPEC_I_PT, GOOD, None, 0),
    (False, 0, NEW, 0, GOOD, NEW, 1),
    (False, 0, NEW, SPEC_I_PT, GOOD, NEW, 1),
    (False, KA, 0, 0, CONFLICT, None, 0),
    (False, KA, NEW, SPEC_I_PT, CONFLICT, None, 0),
    (True, 0, NEW, 0, CONFLICT, KA, 0),
    (True, KB, 0, 0, CONFLICT, KA, 0),
    (True, KB, NEW, SPEC_I_PT, CONFLICT, KA, 0),
    (True, KA, 0, 0, GOOD, None, 1),
    (True, KA, 0, SPEC_I_PT, INVALID_FIELD_IN_PARAMETER_LIST, KA, 0),
    (True, KA, NEW, 0, GOOD, NEW, 1),
    (True, KA, KA, 0, GOOD, KA, 1),
    (True, KA, 2**64 - 1, 0, GOOD, 2**64 - 1, 1),
    (True, KA, NEW, SPEC_I_PT, INVALID_FIELD_IN_PARAMETER_LIST, KA, 0),
]


@pytest.mark.parametrize(("known", "key", "new", "flags", "told", "then", "counts"), TABLE_67)
def test_register(known: bool, key: int, new: int, flags: int, told: Answer, then: int | None, counts: int) -> None:
    before = registered(A, C) if known else registered(C)
    command = out(REGISTER, key, new, flags=flags, additional=B_LISTED if flags & SPEC_I_PT else b"")
    after, answered = run(before, A, command)
    assert (answered, after.key_of(A), after.generation) == (told, then, counts)
    assert after.key_of(B) == (NEW if flags & SPEC_I_PT and counts else None)
    assert after.key_of(C) == KC


@pytest.mark.parametrize("key", [0, KA, KB, NEW])
@pytest.mark.parametrize(
    ("known", "new", "then", "counts"),
    [(False, 0, None, 0), (False, NEW, NEW, 1), (True, 0, None, 1), (True, NEW, NEW, 1)],
)
def test_register_and_ignore_existing_key(known: bool, new: int, then: int | None, counts: int, key: int) -> None:
    after, answered = run(registered(A) if known else State(), A, out(IGNORE, key, new))
    assert (answered, after.key_of(A), after.generation) == (GOOD, then, counts)


@pytest.mark.parametrize("kind", TYPES)
def test_registering_and_changing_a_key_leave_the_reservation_alone(kind: ReservationType) -> None:
    state = registered(A, holder=A, kind=kind)
    state, _ = run(state, B, out(REGISTER, 0, NEW))
    state, _ = run(state, A, out(REGISTER, KA, NEW))
    assert state.reservation == registered(A, holder=A, kind=kind).reservation
    assert keys_of(state) == {A: NEW, B: NEW}
    assert state.attentions == ()


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("action", [REGISTER, IGNORE])
def test_holder_that_unregisters_takes_its_reservation_along(action: int, kind: ReservationType) -> None:
    after, _ = run(registered(A, B, C, holder=A, kind=kind), A, out(action, KA))
    assert keys_of(after) == {B: KB, C: KC}
    shared = kind >= WA
    assert (after.reservation is not None) == shared
    told = [RESERVATIONS_RELEASED] if kind in (WR, ER) else []
    assert [attentions_of(after, nexus) for nexus in (A, B, C)] == [[], told, told]


@pytest.mark.parametrize("kind", TYPES)
def test_last_registrant_that_leaves_releases_every_type(kind: ReservationType) -> None:
    after, _ = run(registered(A, holder=A, kind=kind), A, out(REGISTER, KA))
    assert (after.registrations, after.reservation) == ((), None)


def test_registrant_that_holds_nothing_leaves_without_a_word() -> None:
    before = registered(A, B, holder=A, kind=WR)
    after, _ = run(before, B, out(REGISTER, KB))
    assert (after.reservation, after.attentions) == (before.reservation, ())


def test_generation_wraps_after_32_bits() -> None:
    after, _ = run(State(generation=2**32 - 1), A, out(REGISTER, 0, KA))
    assert after.generation == 0


@pytest.mark.parametrize(("flags", "active"), [(APTPL, True), (0, False)])
@pytest.mark.parametrize("command", [(REGISTER, KA, NEW), (REGISTER, KA, 0), (IGNORE, 0, NEW)])
def test_last_registration_decides_whether_power_loss_is_outlived(
    command: tuple[int, int, int], flags: int, active: bool
) -> None:
    after, _ = run(replace(registered(A), aptpl=not active), A, out(*command, flags=flags))
    assert after.aptpl is active


def test_command_that_fails_or_is_no_registration_does_not_touch_aptpl() -> None:
    for command in (out(REGISTER, KB, NEW, flags=APTPL), out(OutAction.RESERVE, KA, kind=WE, flags=APTPL)):
        after, _ = run(registered(A), A, command)
        assert not after.aptpl


PORTS: list[TransportID] = [B.transport_id, FibreChannelPort(0x2100), IscsiPort("iqn.2026-01.org.example:b", 0x23D)]


def test_specified_initiator_ports_are_registered_with_the_same_key() -> None:
    after, answered = run(State(), A, out(REGISTER, 0, NEW, flags=SPEC_I_PT, additional=listed(*PORTS)))
    assert (answered, after.generation) == (GOOD, 1)
    assert keys_of(after) == {A: NEW, **{Nexus("", port): NEW for port in PORTS}}


def test_initiator_named_twice_or_naming_itself_is_registered_once() -> None:
    named = listed(A.transport_id, B.transport_id, B.transport_id)
    after, answered = run(State(), A, out(REGISTER, 0, NEW, flags=SPEC_I_PT, additional=named))
    assert answered == GOOD
    assert [each.nexus for each in after.registrations] == [A, B]


@pytest.mark.parametrize(
    "additional",
    [
        b"",
        b"\0\0\0",
        listed(C.transport_id, B.transport_id),  # B is registered: note b of table 67
        listed(C.transport_id)[:-1],
        listed(C.transport_id) + bytes(1),
        bytes([0, 0, 0, 23]) + C.transport_id.to_bytes()[:23],
        bytes([0, 0, 0, 28]) + C.transport_id.to_bytes() + bytes(4),
        bytes([0, 0, 0, 24]) + b"\x01" + bytes(23),  # a protocol that is not known
    ],
)
def test_list_of_ports_that_fails_for_one_registers_none(additional: bytes) -> None:
    before = registered(B)
    after, answered = run(before, A, out(REGISTER, 0, NEW, flags=SPEC_I_PT, additional=additional))
    assert (after, answered) == (before, INVALID_FIELD_IN_PARAMETER_LIST)


def test_empty_list_of_ports_registers_oneself() -> None:
    after, answered = run(State(), A, out(REGISTER, 0, NEW, flags=SPEC_I_PT, additional=listed()))
    assert (answered, keys_of(after)) == (GOOD, {A: NEW})


def through(nexus: Nexus, port: int) -> Nexus:
    return replace(nexus, relative_port=port)


def test_all_target_ports_registers_through_each_and_unregisters_from_each() -> None:
    state = State(ports=(1, 2, 3))
    state, _ = run(state, through(A, 2), out(REGISTER, 0, NEW, flags=ALL_TG_PT))
    assert keys_of(state) == {through(A, port): NEW for port in (1, 2, 3)}
    assert state.generation == 1
    state, _ = run(state, through(A, 3), out(REGISTER, NEW, KA))
    assert keys_of(state) == {through(A, 1): NEW, through(A, 2): NEW, through(A, 3): KA}
    state, _ = run(state, through(A, 1), out(IGNORE, 0, 0, flags=ALL_TG_PT))
    assert state.registrations == ()


def test_all_target_ports_goes_for_specified_initiators_too() -> None:
    named = out(REGISTER, 0, NEW, flags=SPEC_I_PT | ALL_TG_PT, additional=B_LISTED)
    state, _ = run(State(ports=(1, 2)), A, named)
    assert set(keys_of(state)) == {through(nexus, port) for nexus in (A, B) for port in (1, 2)}
