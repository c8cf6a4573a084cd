"""A take-over in which the holder lets go: PREEMPT of our own key would take it from the path that sends it."""

import pytest

from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import WR, out
from .cluster import OURS, SOURCE, Cluster, K
from .test_taking_over import MIGRATION, migrated

AT = ["b REGISTER K>T", "c REGISTER K>T"]


def keep_the_key_in_sight(cluster: Cluster) -> None:
    """As long as a path of ours is registered, READ KEYS has its key."""

    def look(_: str | None, command: Command | None) -> None:
        assert not cluster.keys() or K in cluster.read_keys(), command

    cluster.interfere = look


def source_leaves(cluster: Cluster) -> None:
    assert cluster.by(SOURCE, out(OutAction.REGISTER, K, 0)) == GOOD


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("ports_known", [True, False])
def test_machine_preempts_itself_as_it_would_by_one_path(at: str, side: str, ports_known: bool) -> None:
    cluster = migrated()
    cluster.ports_known = ports_known
    getattr(cluster, side)[at] = lambda: source_leaves(cluster)
    keep_the_key_in_sight(cluster)
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.reservation, cluster.memory.key, cluster.memory.holds) == ("", None, 0, False)
    assert cluster.done.count("a PREEMPT K K") == 1


def test_machine_whose_source_leaves_after_the_last_look_is_told_that_it_was_fenced() -> None:
    cluster = migrated()
    cluster.before["a PREEMPT K K"] = lambda: source_leaves(cluster)
    assert cluster.guest(MIGRATION) == CONFLICT
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (out(OutAction.RESERVE, K, kind=WR), "a:K* b:K c:K d:K"),
        (out(OutAction.RELEASE, K, kind=WR), "a:K b:K c:K d:K"),
        (out(OutAction.REGISTER, K, 0), "d:K"),
    ],
    ids=["RESERVE", "RELEASE", "REGISTER"],
)
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", AT)
def test_release_that_was_given_up_arrives_and_the_command_does_what_is_left(
    command: Command, keys: str, at: str, side: str
) -> None:
    cluster = Cluster(dict.fromkeys("abcd", K), OURS["d"], WR, "abcd")
    cluster.leave("d")
    getattr(cluster, side)[at] = lambda: cluster.by(OURS["d"], out(OutAction.RELEASE, K, kind=WR))
    assert cluster.guest(command) == GOOD
    assert cluster.keys() == keys
    assert cluster.memory.holds == ("*" in keys)


def test_keeper_that_goes_away_before_it_has_shown_its_key_is_succeeded() -> None:
    cluster = migrated()
    keep_the_key_in_sight(cluster)

    def leave_both() -> None:
        source_leaves(cluster)
        cluster.before["a REGISTER K>K"] = lambda: cluster.leave("a")

    cluster.after["c REGISTER K>T"] = leave_both
    assert cluster.guest(MIGRATION) == GOOD
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", AT)
def test_fencer_that_comes_after_it_wins(at: str, side: str) -> None:
    cluster = migrated()

    def leave_and_fence() -> None:
        source_leaves(cluster)
        cluster.fence()

    getattr(cluster, side)[at] = leave_and_fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""
    assert not any("T>K" in text for text in cluster.done)
