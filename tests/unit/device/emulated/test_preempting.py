"""PREEMPT and PREEMPT AND ABORT: table 72 and figure 9 of the standard, and who is told what."""

from dataclasses import replace

import pytest

from prhelper.device.emulated.state import Registration, Reservation, State
from prhelper.scsi.reservation import OutAction, ReservationType

from ....support.spc import (
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_CDB,
    INVALID_FIELD_IN_PARAMETER_LIST,
    REGISTRATIONS_PREEMPTED,
    RESERVATIONS_PREEMPTED,
    RESERVATIONS_RELEASED,
)
from .unit import EA, EAA, KA, KB, KC, TYPES, WA, WE, A, Answer, B, C, attentions_of, keys_of, out, registered, run

SINGLE = [kind for kind in TYPES if kind < WA]

pytestmark = pytest.mark.parametrize("action", [OutAction.PREEMPT, OutAction.PREEMPT_AND_ABORT])


@pytest.mark.parametrize("wanted", TYPES)
@pytest.mark.parametrize("kind", SINGLE)
def test_holder_s_key_takes_the_reservation_over(action: int, kind: ReservationType, wanted: ReservationType) -> None:
    before = registered(A, B, C, holder=A, kind=kind)
    after, answered = run(before, B, out(action, KB, KA, kind=wanted))
    assert (answered, after.generation) == (GOOD, 1)
    assert after.reservation == Reservation(wanted, None if wanted >= WA else B)
    assert keys_of(after) == {B: KB, C: KC}
    assert attentions_of(after, A) == [REGISTRATIONS_PREEMPTED]
    assert attentions_of(after, C) == ([] if wanted is kind else [RESERVATIONS_RELEASED])
    assert attentions_of(after, B) == []


@pytest.mark.parametrize("kind", [None, *TYPES])
def test_other_key_only_removes_registrations(action: int, kind: ReservationType | None) -> None:
    before = registered(A, B, C, holder=A, kind=kind)
    after, answered = run(before, B, out(action, KB, KC, kind=0xFF))  # scope and type are ignored
    assert (answered, after.reservation, after.generation) == (GOOD, before.reservation, 1)
    assert keys_of(after) == {A: KA, B: KB}
    assert [attentions_of(after, nexus) for nexus in (A, B, C)] == [[], [], [REGISTRATIONS_PREEMPTED]]


@pytest.mark.parametrize("kind", [WA, EAA])
@pytest.mark.parametrize("wanted", TYPES)
def test_zero_preempts_all_registrants(action: int, kind: ReservationType, wanted: ReservationType) -> None:
    before = registered(A, B, C, holder=A, kind=kind)
    after, answered = run(before, B, out(action, KB, 0, kind=wanted))
    assert (answered, after.generation, keys_of(after)) == (GOOD, 1, {B: KB})
    assert after.reservation == Reservation(wanted, None if wanted >= WA else B)
    told = [REGISTRATIONS_PREEMPTED]
    assert [attentions_of(after, nexus) for nexus in (A, B, C)] == [told, [], told]


def test_key_shared_by_several_goes_from_all_but_the_caller_when_the_reservation_is_taken(action: int) -> None:
    everybody = State(
        registrations=tuple(Registration(nexus, KA) for nexus in (A, B, C)), reservation=Reservation(WE, A)
    )
    after, _ = run(everybody, B, out(action, KA, KA, kind=EA))
    assert (keys_of(after), after.reservation) == ({B: KA}, Reservation(EA, B))
    assert [attentions_of(after, nexus) for nexus in (A, B, C)] == [
        [REGISTRATIONS_PREEMPTED],
        [],
        [REGISTRATIONS_PREEMPTED],
    ]


def test_holder_that_preempts_itself_changes_the_type_and_stays(action: int) -> None:
    after, _ = run(registered(A, B, holder=A, kind=WE), A, out(action, KA, KA, kind=EA))
    assert (keys_of(after), after.reservation) == ({A: KA, B: KB}, Reservation(EA, A))
    assert (attentions_of(after, A), attentions_of(after, B)) == ([], [RESERVATIONS_RELEASED])


@pytest.mark.parametrize("kind", [None, WE, WA])
def test_own_key_where_it_holds_nothing_alone_removes_oneself(action: int, kind: ReservationType | None) -> None:
    after, answered = run(registered(A, B, holder=A, kind=kind), B, out(action, KB, KB, kind=WE))
    assert (answered, keys_of(after), after.attentions) == (GOOD, {A: KA}, ())


def test_last_registrant_of_all_that_removes_itself_releases(action: int) -> None:
    after, _ = run(registered(A, holder=A, kind=WA), A, out(action, KA, KA, kind=WE))
    assert (after.registrations, after.reservation) == ((), None)


@pytest.mark.parametrize(
    ("state", "key", "named", "kind", "told"),
    [
        (registered(A), KB, KA, WE, CONFLICT),  # B is not registered
        (registered(A, B), KA, KA, WE, CONFLICT),
        (registered(A, B, holder=A, kind=WE), KA, KA, WE, CONFLICT),
        (registered(A, B, holder=A, kind=WE), KB, KC, WE, CONFLICT),  # nobody has that key
        (registered(A, B), KB, 0, WE, INVALID_FIELD_IN_PARAMETER_LIST),
        *((registered(A, B, holder=A, kind=kind), KB, 0, WE, INVALID_FIELD_IN_PARAMETER_LIST) for kind in SINGLE),
        (registered(A, B, holder=A, kind=WE), KB, KA, 0, INVALID_FIELD_IN_CDB),
        (registered(A, B, holder=A, kind=WE), KB, KA, 0x10 | WE, INVALID_FIELD_IN_CDB),
        (registered(A, B, holder=A, kind=WA), KB, 0, 2, INVALID_FIELD_IN_CDB),
    ],
)
def test_what_may_not_preempt_changes_nothing(
    action: int, state: State, key: int, named: int, kind: int, told: Answer
) -> None:
    assert run(state, B, out(action, key, named, kind=kind)) == (state, told)


def test_same_news_is_told_once_and_different_news_in_turn(action: int) -> None:
    state = replace(registered(A, B), attentions=())
    for _ in range(2):
        state, _ = run(state, A, out(action, KA, KB, kind=WE))
        state = state.registered([B], KB)
    state, _ = run(state, A, out(OutAction.CLEAR, KA))
    assert attentions_of(state, B) == [REGISTRATIONS_PREEMPTED, RESERVATIONS_PREEMPTED]
