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


def renumbered(cluster: Cluster) -> Cluster:
    """The machine has restarted: paths have other names now than in the journal, here each the next one's."""
    assert cluster.journal is not None
    names = dict(zip("abc", "bca", strict=True))
    had, doubtful = tuple(names[path] for path in cluster.journal.had), cluster.journal.doubtful
    cluster.journal = cluster.journal._replace(had=had, doubtful=doubtful and names[doubtful], is_of_another_boot=True)
    return cluster


@pytest.mark.parametrize(("is_fenced", "keys"), [(False, "a:K b:K c:K"), (True, "")])
def test_take_over_is_ended_after_a_restart_of_the_machine(is_fenced: bool, keys: str) -> None:
    cluster = renumbered(taking_over())
    if is_fenced:
        cluster.fence()
    cluster.restart()
    assert cluster.keys() == keys


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_without_a_key_may_be_the_one_that_was_fenced_after_a_restart_of_the_machine(ports_known: bool) -> None:
    cluster = Cluster(dict.fromkeys("ab", K), SOURCE, WR, others={SOURCE: K}, ports_known=ports_known)
    is_cut_off(cluster, out(PREEMPT, K, K, kind=WR), before="a PREEMPT K K")
    cluster.fence()
    cluster.by(SOURCE, out(REGISTER, 0, K))
    assert cluster.keys() == "b:T"
    assert cluster.journal is not None
    cluster.journal = cluster.journal._replace(had=("x", "y"), is_of_another_boot=True)
    cluster.restart()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize(("is_fenced", "keys"), [(False, "a:K b:K c:K"), (True, "")])
def test_path_that_was_being_settled_vouches_for_no_other_after_a_restart_of_the_machine(
    is_fenced: bool, keys: str
) -> None:
    cluster = Cluster({"a": K, "c": K}, paths="abc")
    cluster.memory = cluster.memory._replace(settled=frozenset("ac"))
    if is_fenced:
        cluster.before["b REGISTER 0>K"] = cluster.fence
    cluster.after["b REGISTER 0>K"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.look_after()
    assert (cluster.keys(), cluster.journal and cluster.journal.doubtful) == (
        "b:K" if is_fenced else "a:K b:K c:K",
        "b",
    )
    renumbered(cluster).restart()
    assert cluster.keys() == keys
    assert cluster.journal is None or not cluster.journal.is_of_another_boot


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
