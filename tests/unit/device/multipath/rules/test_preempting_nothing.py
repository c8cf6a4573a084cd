"""PREEMPT of our own key where we hold already: the unit would change nothing, so no path loses its key for it."""

from collections.abc import Callable

import pytest

from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import ER, WR, out
from .cluster import KO, OTHER, OURS, SOURCE, Cluster, K
from .holding import held

AGAIN = out(OutAction.PREEMPT, K, K, kind=WR)
NOTHING = ["a RESERVE K: RESERVATION CONFLICT", "b RESERVE K", *(f"{path} REGISTER K>K" for path in "abc")]


def set_aside(cluster: Cluster) -> bool:
    """Whether a path had the temporary key in the last sequence."""
    return any("K>T" in text for text in cluster.done)


@pytest.mark.parametrize("ports_known", [True, False])
def test_paths_are_only_probed_and_the_unit_counts_as_it_would_for_the_preempt(ports_known: bool) -> None:
    cluster = held("b", ports_known=ports_known)
    before = cluster.unit
    assert cluster.guest(AGAIN) == GOOD
    assert cluster.sent == NOTHING
    assert cluster.unit.generation > before.generation
    assert (cluster.unit.registrations, cluster.reservation) == (before.registrations, before.reservation)
    assert not cluster.unit.attentions


def test_path_that_is_away_keeps_its_key() -> None:
    cluster = held("b")
    cluster.leave("c")
    assert cluster.guest(AGAIN) == GOOD
    assert (cluster.keys(), set_aside(cluster)) == ("a:K b:K* c:K", False)


@pytest.mark.parametrize("at", [*NOTHING[1:], "a READ KEYS", "a READ FULL STATUS"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_path_that_comes_back_at_any_moment_has_a_key(at: str, side: str) -> None:
    cluster = held("b")
    cluster.leave("c")
    getattr(cluster, side)[at] = cluster.away.clear

    def look(_: str | None, command: Command | None) -> None:
        assert cluster.unit.key_of(OURS["c"]) == K, command

    cluster.interfere = look
    assert cluster.guest(AGAIN) == GOOD


@pytest.mark.parametrize("at", [text for text in NOTHING[1:] if text[0] != "b"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_path_that_goes_away_at_any_moment_keeps_its_key(at: str, side: str) -> None:
    cluster = held("b")
    getattr(cluster, side)[at] = lambda: cluster.leave(at[0])
    assert cluster.guest(AGAIN) == GOOD
    assert (cluster.keys(), set_aside(cluster)) == ("a:K b:K* c:K", False)
    assert not any("PREEMPT" in text for text in cluster.sent)


@pytest.mark.parametrize(
    ("command", "others"),
    [
        (out(OutAction.PREEMPT, K, K, kind=ER), {OTHER: KO}),
        (out(OutAction.PREEMPT_AND_ABORT, K, K, kind=WR), {OTHER: KO}),
        (AGAIN, {OTHER: KO, SOURCE: K}),
    ],
    ids=["another type", "and abort", "another host with the key"],
)
def test_there_is_something_to_change_and_it_changes(command: Command, others: dict[object, int]) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["b"], WR, "abc", others=others)  # type: ignore[arg-type]
    assert cluster.guest(command) == GOOD
    assert (cluster.keys(), cluster.others(), set_aside(cluster)) == ("a:K b:K* c:K", "other:O", True)


REGISTERED = [out(OutAction.REGISTER, 0, K), out(OutAction.RESERVE, K, kind=WR)]


@pytest.mark.parametrize(
    ("before", "keys"),
    [([AGAIN], dict.fromkeys("abc", K)), (REGISTERED, {}), ([*REGISTERED, AGAIN], {})],
    ids=["all paths were probed", "all paths were registered", "both"],
)
def test_path_that_went_away_with_the_key_keeps_it_where_the_unit_does_not_tell_whose_it_is(
    before: list[Command], keys: dict[str, int]
) -> None:
    cluster = Cluster(keys, OURS["a"] if keys else None, WR, "abc", ports_known=False, others={OTHER: KO})
    assert [cluster.guest(command) for command in before] == [GOOD] * len(before)
    cluster.leave("c")
    cluster.look_after()
    for _ in range(2):
        assert cluster.guest(AGAIN) == GOOD
        assert (cluster.keys(), set_aside(cluster)) == ("a:K* b:K c:K", False)


def taken_over(cluster: Cluster) -> None:
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == GOOD
    cluster.by(OURS["c"], out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K))


@pytest.mark.parametrize(
    "happens",
    [
        Cluster.restart,
        lambda cluster: cluster.by(SOURCE, out(OutAction.REGISTER, 0, K)),
        taken_over,
    ],
    ids=["restart", "another host registers with the key", "its key was preempted and something gave it back"],
)
def test_path_that_is_away_may_be_another_host_where_the_unit_does_not_tell(
    happens: Callable[[Cluster], object],
) -> None:
    cluster = held("b", ports_known=False)
    assert cluster.guest(AGAIN) == GOOD
    cluster.leave("c")
    happens(cluster)
    assert cluster.guest(AGAIN) == GOOD
    assert set_aside(cluster)
    assert "K" not in cluster.others()


@pytest.mark.parametrize("at", ["a READ RESERVATION", *NOTHING, "a READ KEYS"])
def test_fencer_wins_at_every_step(at: str) -> None:
    cluster = held("b")
    cluster.before[at.partition(":")[0]] = cluster.fence
    assert cluster.guest(AGAIN) == CONFLICT
    assert cluster.keys() == ""


def test_fencer_that_comes_after_the_last_look_finds_nothing_that_it_misses() -> None:
    cluster = held("b")
    cluster.after["a READ FULL STATUS"] = cluster.fence
    cluster.guest(AGAIN)
    cluster.look_after()
    assert cluster.keys() == ""
