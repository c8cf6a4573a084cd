"""What is repaired of a sequence that was cut off at some point, and what of the fencing meanwhile."""

import pytest

from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.reservation import Command, OutAction

from ...emulated.unit import WR, out
from .cluster import K2, KO, OURS, SOURCE, Cluster, CrashError, K

REGISTER, PREEMPT = OutAction.REGISTER, OutAction.PREEMPT


def is_cut_off(cluster: Cluster, command: Command, before: str = "", after: str = "") -> None:
    """The process is killed before, or after, one of the commands of a guest's."""
    cluster.before[before] = cluster.after[after] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(command)
    cluster.before.clear()
    cluster.after.clear()


def taking_over() -> Cluster:
    """A take-over that was cut off: path a has K, b and c have the temporary key."""
    cluster = Cluster(dict.fromkeys("abc", K), SOURCE, WR, "abc", others={SOURCE: K})
    is_cut_off(cluster, out(PREEMPT, K, K, kind=WR), before="a PREEMPT K K")
    return cluster


@pytest.mark.parametrize(
    ("is_fenced", "done", "keys"),
    [
        (True, ["b REGISTER T>0", "c REGISTER T>0"], ""),
        (False, ["b REGISTER T>K", "c REGISTER T>K"], "a:K b:K c:K"),
    ],
)
def test_paths_with_the_temporary_key_get_the_key_if_the_one_that_is_away_was_not_fenced(
    is_fenced: bool, done: list[str], keys: str
) -> None:
    cluster = taking_over()
    cluster.leave("a")
    if is_fenced:
        cluster.fence()
    cluster.restart()
    assert cluster.done[2:4] == done  # after a probe of each
    cluster.come_back()
    assert cluster.keys() == keys


@pytest.mark.parametrize("away", ["", "a"])
def test_fencing_during_the_repair_wins(away: str) -> None:
    cluster = taking_over()
    cluster.leave(*away)
    cluster.before["b REGISTER T>K"] = cluster.fence
    cluster.restart()
    assert cluster.keys() == ""


def test_temporary_key_of_a_path_that_is_away_is_not_taken_for_ours() -> None:
    cluster = taking_over()
    cluster.unit = cluster.unit.unregistered([OURS["c"]])  # it had been away
    cluster.leave("a", "b")
    cluster.fence()
    cluster.restart()
    assert (cluster.keys(), cluster.memory.key) == ("b:T", 0)
    cluster.come_back()
    assert cluster.keys() == ""


def test_new_key_of_a_path_that_is_away_is_not_taken_for_ours_if_another_was_fenced() -> None:
    cluster = Cluster({"a": K, "b": K}, paths="abc")
    cluster.leave("c")
    is_cut_off(cluster, out(REGISTER, K, K2), before="b REGISTER K>K2")
    cluster.away = {"a"}
    cluster.fence()
    cluster.restart()
    assert (cluster.keys(), cluster.memory.key) == ("a:K2", 0)
    cluster.come_back()
    assert cluster.keys() == ""


def test_key_that_every_path_had_changed_to_is_ours_though_all_of_them_are_away() -> None:
    cluster = Cluster({"a": K, "b": K}, paths="abc")
    cluster.leave("c")
    is_cut_off(cluster, out(REGISTER, K, K2), after="b REGISTER K>K2")
    cluster.away = {"a", "b"}
    cluster.restart()
    assert cluster.keys() == "a:K2 b:K2 c:K2"


def test_key_that_no_path_has_any_more_is_not_restored() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a")
    is_cut_off(cluster, out(REGISTER, K, K2), after="b REGISTER K>K2")
    cluster.fence(K)
    cluster.restart()
    cluster.come_back()
    assert cluster.unit.key_of(OURS["b"]) == K2
    assert cluster.memory.key == K2


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("new", [K, K2])
def test_fenced_guest_that_registers_anew_and_is_cut_off_is_registered_by_none(new: int, ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, ports_known=ports_known)
    cluster.journal = Entry(K)
    cluster.fence()
    is_cut_off(cluster, out(REGISTER, 0, new), after=f"a REGISTER 0>{'K' if new == K else 'K2'}")
    cluster.restart()
    assert cluster.keys() == ""


def test_key_is_among_the_keys_until_the_last_path_with_the_temporary_one_has_left() -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["a"], WR, "abc")
    cluster.leave("a")
    is_cut_off(cluster, out(REGISTER, K, 0), before="c REGISTER T>K")
    found: list[bool] = []
    cluster.before["c REGISTER T>0"] = lambda: found.append(K in cluster.read_keys())
    cluster.restart()
    assert (found, cluster.keys()) == ([True], "")


def test_keys_of_paths_that_are_away_are_still_known_after_a_crash() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a")
    cluster.guest(out(REGISTER, K, K2))
    is_cut_off(cluster, out(REGISTER, K2, KO), after="b REGISTER K2>O")
    cluster.restart()
    cluster.come_back()
    assert cluster.keys() == "a:O b:O"
