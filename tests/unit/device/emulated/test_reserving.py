"""RESERVE, RELEASE and CLEAR: who may, with what, and who is told (SPC-4, 5.13.9 and 5.13.11.2)."""

from dataclasses import replace

import pytest

from prhelper.device.emulated.state import Reservation, State
from prhelper.scsi.reservation import OutAction, ReservationType

from ....support.spc import (
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_CDB,
    INVALID_RELEASE,
    RESERVATIONS_PREEMPTED,
    RESERVATIONS_RELEASED,
)
from .unit import EA, KA, KB, TYPES, WE, WR, A, Answer, B, C, attentions_of, keys_of, out, registered, run

RESERVE, RELEASE, CLEAR = OutAction.RESERVE, OutAction.RELEASE, OutAction.CLEAR
UNKNOWN_TYPES = sorted(set(range(16)) - set(TYPES))


@pytest.mark.parametrize("kind", TYPES)
def test_registrant_reserves(kind: ReservationType) -> None:
    before = registered(A, B)
    after, answered = run(before, A, out(RESERVE, KA, kind=kind))
    holder = None if kind >= 7 else A
    assert (answered, after) == (GOOD, replace(before, reservation=Reservation(kind, holder)))


@pytest.mark.parametrize("kind", TYPES)
def test_holder_that_reserves_again_keeps_what_it_has(kind: ReservationType) -> None:
    before = registered(A, B, holder=A, kind=kind)
    assert run(before, A, out(RESERVE, KA, kind=kind)) == (before, GOOD)
    for other in set(TYPES) - {kind}:
        assert run(before, A, out(RESERVE, KA, kind=other)) == (before, CONFLICT)


@pytest.mark.parametrize("wanted", TYPES)
@pytest.mark.parametrize("kind", TYPES)
def test_another_registrant_conflicts_unless_it_holds_as_all_do(kind: ReservationType, wanted: int) -> None:
    before = registered(A, B, holder=A, kind=kind)
    told = GOOD if kind >= 7 and wanted == kind else CONFLICT
    assert run(before, B, out(RESERVE, KB, kind=wanted)) == (before, told)


@pytest.mark.parametrize(
    ("state", "key", "kind", "told"),
    [
        (registered(B), KA, WE, CONFLICT),  # A is not registered
        (registered(A), KB, WE, CONFLICT),
        (registered(A), 0, WE, CONFLICT),
        (registered(A), KB, 0x10 | WE, CONFLICT),  # the key is verified whatever the scope (6.16.3)
        *((registered(A), KA, kind, INVALID_FIELD_IN_CDB) for kind in UNKNOWN_TYPES),
        *((registered(A), KA, scope << 4 | WE, INVALID_FIELD_IN_CDB) for scope in range(1, 16)),
    ],
)
def test_what_may_not_reserve_changes_nothing(state: State, key: int, kind: int, told: Answer) -> None:
    assert run(state, A, out(RESERVE, key, kind=kind)) == (state, told)


@pytest.mark.parametrize("kind", TYPES)
def test_holder_releases_and_those_who_shared_are_told(kind: ReservationType) -> None:
    after, answered = run(registered(A, B, C, holder=A, kind=kind), A, out(RELEASE, KA, kind=kind))
    assert (answered, after.reservation, after.generation) == (GOOD, None, 0)
    assert keys_of(after).keys() == {A, B, C}
    told = [RESERVATIONS_RELEASED] if kind >= WR else []
    assert [attentions_of(after, nexus) for nexus in (A, B, C)] == [[], told, told]


@pytest.mark.parametrize("wanted", [EA, 0, 0xF, 0x10 | WE])
def test_release_that_does_not_match_is_an_invalid_release(wanted: int) -> None:
    before = registered(A, holder=A, kind=WE)
    assert run(before, A, out(RELEASE, KA, kind=wanted)) == (before, INVALID_RELEASE)


@pytest.mark.parametrize("kind", [WE, EA, 0, 0x1F])
def test_release_by_who_holds_nothing_is_good_and_does_nothing(kind: int) -> None:
    for before in (registered(A, B), registered(A, B, holder=B, kind=WE)):
        assert run(before, A, out(RELEASE, KA, kind=kind)) == (before, GOOD)
        assert run(before, A, out(RELEASE, KB, kind=kind)) == (before, CONFLICT)
        assert run(before, C, out(RELEASE, KA, kind=kind)) == (before, CONFLICT)


@pytest.mark.parametrize("kind", [None, *TYPES])
@pytest.mark.parametrize("nexus", [A, B])
def test_clear_by_any_registrant_leaves_nothing_and_tells_the_others(
    kind: ReservationType | None, nexus: object
) -> None:
    caller, other = (A, B) if nexus is A else (B, A)
    before = replace(registered(A, B, holder=A, kind=kind), aptpl=True)
    after, answered = run(before, caller, out(CLEAR, KA if caller is A else KB, kind=0xFF))
    assert (answered, after.registrations, after.reservation) == (GOOD, (), None)
    assert (after.generation, after.aptpl) == (1, True)
    assert attentions_of(after, other) == [RESERVATIONS_PREEMPTED]
    assert attentions_of(after, caller) == attentions_of(after, C) == []


def test_clear_without_the_own_key_conflicts() -> None:
    before = registered(A, B, holder=A, kind=WE)
    assert run(before, B, out(CLEAR, KA)) == (before, CONFLICT)
    assert run(before, C, out(CLEAR, KA)) == (before, CONFLICT)
