"""Moving a reservation to a path that is here: K never vanishes, no path is unregistered, and fencing wins."""

import pytest

from prhelper.scsi.reservation import OutAction, ReservationType

from .....support.spc import CONFLICT, GOOD, INVALID_FIELD_IN_CDB
from ...emulated.unit import ER, WR, out
from .cluster import K2, KO, NO_PATH, OTHER, OURS, SOURCE, Cluster, K, T
from .holding import held

RESERVE, RELEASE, PREEMPT = OutAction.RESERVE, OutAction.RELEASE, OutAction.PREEMPT
MIGRATION = out(PREEMPT, K, K, kind=WR)
"""What QEMU 11 sends where a virtual machine has migrated to."""

TAKE_OVER = ["a REGISTER K>K", "b REGISTER K>T", "c REGISTER K>T", "a PREEMPT K K", "b REGISTER T>K", "c REGISTER T>K"]


def migrated() -> Cluster:
    """The source of the migration holds the reservation, with our key."""
    cluster = Cluster(dict.fromkeys("abc", K), SOURCE, WR, "abc", others={SOURCE: K})
    cluster.memory = cluster.memory._replace(holds=False)
    return cluster


def test_migration_takes_the_reservation_from_the_other_host() -> None:
    cluster = migrated()
    assert cluster.guest(MIGRATION) == GOOD
    assert cluster.done == TAKE_OVER
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K c:K", "")


def test_holder_that_is_here_stays_as_it_is_while_the_type_changes() -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["b"], WR, "abc")
    assert cluster.guest(out(PREEMPT, K, K, kind=ER)) == GOOD
    assert cluster.done == [
        "b RESERVE K",
        "a REGISTER K>T",
        "c REGISTER K>T",
        "b PREEMPT K K",
        "a REGISTER T>K",
        "c REGISTER T>K",
    ]
    assert cluster.keys() == "a:K b:K* c:K"


@pytest.mark.parametrize("kind", ReservationType)
def test_migration_may_change_the_type(kind: ReservationType) -> None:
    cluster = migrated()
    assert cluster.guest(out(PREEMPT, K, K, kind=kind)) == GOOD
    assert cluster.reservation is not None
    assert cluster.reservation.type is kind
    assert [each[-1] for each in cluster.keys().replace("*", "").split()] == ["K"] * 3


def test_type_that_the_unit_does_not_know_is_refused_and_everything_as_before() -> None:
    cluster = migrated()
    assert cluster.guest(out(PREEMPT, K, K, kind=0xF)) == INVALID_FIELD_IN_CDB
    assert (cluster.keys(), cluster.others()) == ("a:K b:K c:K", "source:K*")


@pytest.mark.parametrize("holder", ["b", "c"])
def test_holder_that_is_away_loses_the_reservation_to_a_path_that_is_here(holder: str) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS[holder], WR, "abc")
    cluster.leave(holder)
    assert cluster.guest(out(RESERVE, K, kind=WR)) == GOOD
    assert cluster.done == [text for text in TAKE_OVER if text[0] != holder]
    cluster.come_back()
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("at", TAKE_OVER)
def test_fencer_that_reads_first_wins_at_every_step(at: str) -> None:
    cluster = migrated()
    cluster.before[at] = cluster.fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize("victims", [[K], [K, T], [T, K]])
@pytest.mark.parametrize("at", TAKE_OVER[2:])
def test_blind_fencer_wins_who_preempts_the_key_or_all_that_there_are(at: str, victims: list[int]) -> None:
    cluster = migrated()
    cluster.by(OTHER, out(OutAction.REGISTER, 0, KO))

    def fence() -> None:
        for victim in victims:
            cluster.by(OTHER, out(PREEMPT, KO, victim, kind=WR))

    cluster.before[at] = fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize("at", TAKE_OVER[2:])
def test_path_that_loses_the_temporary_key_alone_is_registered_again(at: str) -> None:
    cluster = migrated()
    cluster.by(OTHER, out(OutAction.REGISTER, 0, KO))
    cluster.before[at] = lambda: cluster.by(OTHER, out(PREEMPT, KO, T, kind=WR))
    assert cluster.guest(MIGRATION) == GOOD
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("at", TAKE_OVER)
def test_clearing_by_another_host_wins_at_every_step(at: str) -> None:
    cluster = migrated()
    cluster.by(OTHER, out(OutAction.REGISTER, 0, KO))
    cluster.before[at] = lambda: cluster.by(OTHER, out(OutAction.CLEAR, KO))
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize("at", TAKE_OVER)
def test_other_host_that_registers_meanwhile_disturbs_nothing(at: str) -> None:
    cluster = migrated()
    cluster.before[at] = lambda: cluster.by(OTHER, out(OutAction.REGISTER, 0, KO))
    assert cluster.guest(MIGRATION) == GOOD
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("answered", ["before", "after"])
@pytest.mark.parametrize("at", TAKE_OVER)
def test_path_that_goes_away_at_any_step_is_done_without(at: str, answered: str) -> None:
    cluster = migrated()
    getattr(cluster, answered)[at] = lambda: cluster.leave(at[0])
    assert cluster.guest(MIGRATION) == GOOD
    assert cluster.reservation is not None
    assert cluster.reservation.holder in {OURS[path] for path in "abc" if path not in cluster.away} | {OURS["a"]}
    assert {cluster.unit.key_of(OURS[path]) for path in "abc" if path not in cluster.away} == {K}
    cluster.come_back()
    assert cluster.keys().replace("*", "") == "a:K b:K c:K"


@pytest.mark.parametrize("at", TAKE_OVER)
def test_all_paths_away_at_any_step_is_made_good_when_they_are_back(at: str) -> None:
    cluster = migrated()
    cluster.before[at] = lambda: cluster.leave(*"abc")
    assert cluster.guest(MIGRATION) == NO_PATH
    cluster.come_back()
    assert cluster.keys().replace("*", "") == "a:K b:K c:K"


def test_temporary_key_is_another_one_where_it_is_taken() -> None:
    cluster = migrated()
    cluster.by(OTHER, out(OutAction.REGISTER, 0, T))
    assert cluster.guest(MIGRATION) == GOOD
    assert not any(">T" in text for text in cluster.sent)
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K c:K", "other:T")


def test_no_key_is_ever_missing_for_those_who_read_during_a_take_over() -> None:
    cluster = migrated()
    seen = []

    def look(*_: object) -> None:
        seen.append(K in cluster.read_keys())

    cluster.interfere = look
    assert cluster.guest(MIGRATION) == GOOD
    assert len(seen) > len(TAKE_OVER)
    assert all(seen)


def test_self_preempt_while_another_key_holds_unregisters_us_as_the_standard_says() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, ER, others={OTHER: KO})
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.others(), cluster.memory.key) == ("", "other:O*", 0)


def test_self_preempt_without_a_reservation_unregisters_us_as_the_standard_says() -> None:
    cluster = Cluster({"a": K, "b": K}, others={OTHER: KO})
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.others()) == ("", "other:O")


def test_self_preempt_with_a_key_that_is_another_host_s_is_a_conflict() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, WR, others={OTHER: KO})
    assert cluster.guest(out(PREEMPT, KO, KO, kind=WR)) == CONFLICT
    assert (cluster.keys(), cluster.others()) == ("a:K b:K", "other:O*")


def test_key_that_was_changed_is_not_restored_by_a_take_over() -> None:
    cluster = migrated()
    assert cluster.guest(out(OutAction.REGISTER, K, K2)) == GOOD
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == "a:K2 b:K2 c:K2"


def test_key_is_given_back_to_no_path_once_the_keeper_is_known_to_be_fenced() -> None:
    cluster = migrated()
    cluster.before["a PREEMPT K K"] = cluster.fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert not any("T>K" in text for text in cluster.sent)


@pytest.mark.parametrize("ports_known", [True, False])
def test_key_is_given_to_no_other_path_where_the_keeper_was_fenced_before_it_went_away(ports_known: bool) -> None:
    cluster = held("a", WR, ports_known)

    def fence_and_leave() -> None:
        cluster.fence()
        cluster.leave("a")

    cluster.before["a PREEMPT K K"] = fence_and_leave
    assert cluster.guest(out(PREEMPT, K, K, kind=ER)) == CONFLICT
    assert not any("T>K" in text for text in cluster.sent)
    cluster.come_back()
    assert cluster.keys() == ""


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("then_all_away", [False, True])
def test_key_is_taken_back_from_the_next_keeper_if_the_first_was_fenced_meanwhile(
    then_all_away: bool, ports_known: bool
) -> None:
    cluster = held("a", WR, ports_known)
    cluster.before["a PREEMPT K K"] = lambda: cluster.leave("a")
    cluster.before["b REGISTER T>K"] = cluster.fence
    if then_all_away:
        cluster.after["b REGISTER T>K"] = lambda: cluster.leave(*"abc")
    assert cluster.guest(out(PREEMPT, K, K, kind=ER)) == (NO_PATH if then_all_away else CONFLICT)
    assert "b PREEMPT K K" not in cluster.sent
    cluster.come_back()
    assert cluster.keys() == ""


def test_key_that_another_host_registers_anew_does_not_hide_that_a_path_was_fenced() -> None:
    cluster = Cluster(dict.fromkeys("ab", K), SOURCE, WR, others={SOURCE: K}, ports_known=False)

    def fence() -> None:
        cluster.fence()
        cluster.by(SOURCE, out(OutAction.REGISTER, 0, K))

    cluster.before["b REGISTER T>K"] = fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""
