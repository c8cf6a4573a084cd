"""Paths that come back, or are new."""

import pytest

from prhelper.scsi.reservation import OutAction

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import WR, out
from .cluster import K2, KO, OTHER, OURS, SOURCE, Cluster, K


def returning(**keys: int) -> Cluster:
    """The map has key K, and path b is not known to be in step."""
    cluster = Cluster({"a": K} | keys)
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    return cluster


def test_path_that_has_the_key_is_left_as_it_is() -> None:
    cluster = returning(b=K)
    cluster.look_after()
    assert (cluster.sent, cluster.keys()) == (["a REGISTER K>K", "b REGISTER K>K"], "a:K b:K")


def test_path_without_a_key_is_registered_without_ignoring_one() -> None:
    cluster = returning()
    cluster.look_after()
    assert cluster.sent == ["a REGISTER K>K", "b REGISTER K>K: RESERVATION CONFLICT", "b REGISTER 0>K"]
    assert cluster.keys() == "a:K b:K"


def test_path_with_the_key_from_before_a_change_gets_the_new_one() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("b")
    assert cluster.guest(out(OutAction.REGISTER, K, K2)) == GOOD
    cluster.come_back()
    assert cluster.done == ["a REGISTER K2>K2", "b REGISTER K>K2"]
    assert cluster.keys() == "a:K2 b:K2"


def test_path_that_was_away_for_two_changes_gets_the_last_key() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("b")
    assert cluster.guest(out(OutAction.REGISTER, K, K2)) == GOOD
    assert cluster.guest(out(OutAction.REGISTER, K2, KO)) == GOOD
    cluster.come_back()
    assert cluster.keys() == "a:O b:O"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_path_whose_registration_arrives_after_the_host_was_fenced_is_unregistered(times: int) -> None:
    cluster = returning()
    cluster.before["b REGISTER 0>K"] = lambda: cluster.leave("b")
    cluster.look_after()
    cluster.fence()
    for _ in range(times):
        assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == CONFLICT
    assert cluster.by(OURS["b"], out(OutAction.REGISTER, 0, K)) == GOOD
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)
    cluster.look_after()
    assert (cluster.journal, cluster.memory.gave_up) == (None, frozenset())


@pytest.mark.parametrize("times", [1, 2, 3])
def test_path_whose_key_changes_after_the_host_was_fenced_is_unregistered(times: int) -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.before["b REGISTER K>K2"] = lambda: cluster.leave("b")
    assert cluster.guest(out(OutAction.REGISTER, K, K2)) == GOOD
    cluster.fence(K2)
    for _ in range(times):
        assert cluster.guest(out(OutAction.RESERVE, K2, kind=WR)) == CONFLICT
    assert cluster.by(OURS["b"], out(OutAction.REGISTER, K, K2)) == GOOD
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


def test_path_with_a_key_of_somebody_else_keeps_it() -> None:
    cluster = returning(b=K2)
    cluster.look_after()
    assert cluster.keys() == "a:K b:K2"


@pytest.mark.parametrize("at", ["a RESERVE K", "b REGISTER K>K", "b REGISTER 0>K"])
def test_path_of_a_fenced_host_stays_out(at: str) -> None:
    cluster = returning()
    cluster.before[at] = cluster.fence
    cluster.look_after() if at[0] == "b" else cluster.guest(out(OutAction.RESERVE, K, kind=WR))
    assert cluster.keys() == ""


def test_path_that_was_fenced_while_away_stays_out() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("b")
    cluster.look_after()
    cluster.fence()
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


def test_two_paths_do_not_vouch_for_each_other() -> None:
    cluster = Cluster({"a": K}, paths="abc")
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    cluster.leave("a")
    cluster.before["b REGISTER 0>K"] = cluster.fence
    cluster.look_after()
    assert cluster.done == ["b REGISTER 0>K", "b REGISTER K>K", "b REGISTER K>0"]
    assert cluster.keys() == ""


def test_path_that_could_not_be_looked_at_again_vouches_for_no_other() -> None:
    cluster = Cluster({"a": K}, paths="abc")
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    cluster.before["b REGISTER 0>K"] = cluster.fence
    cluster.after["b REGISTER 0>K"] = lambda: cluster.leave("a", "b", "c")
    cluster.look_after()
    assert cluster.keys() == "b:K"
    cluster.away = {"b"}
    cluster.look_after()
    assert cluster.keys() == "b:K"
    cluster.come_back()
    assert cluster.keys() == ""


def test_path_that_could_not_be_looked_at_again_keeps_the_key_if_the_host_was_not_fenced() -> None:
    cluster = Cluster({"a": K}, paths="abc")
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    cluster.after["b REGISTER 0>K"] = lambda: cluster.leave("a", "b", "c")
    cluster.look_after()
    cluster.come_back()
    assert cluster.keys() == "a:K b:K c:K"


def test_key_that_only_another_host_has_says_nothing_of_us() -> None:
    cluster = Cluster(paths="ab", others={SOURCE: K})
    cluster.memory = cluster.memory._replace(key=K, settled=frozenset())
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


def test_guest_s_command_finds_all_paths_in_step() -> None:
    cluster = returning()
    assert cluster.guest(out(OutAction.REGISTER, K, K2)) == GOOD
    assert cluster.done == ["a REGISTER K>K", "b REGISTER 0>K", "a REGISTER K>K2", "b REGISTER K>K2"]


def test_other_host_that_registers_meanwhile_does_not_keep_a_path_out() -> None:
    cluster = returning()
    cluster.before["b REGISTER 0>K"] = lambda: cluster.by(OTHER, out(OutAction.REGISTER, 0, KO))
    cluster.look_after()
    assert cluster.keys() == "a:K b:K"


def test_nothing_is_sent_to_paths_of_a_map_that_was_never_registered() -> None:
    cluster = Cluster()
    cluster.memory = cluster.memory._replace(settled=frozenset())
    cluster.look_after()
    assert cluster.sent == []


@pytest.mark.parametrize(("new", "keys"), [(K2, "a:K2 b:K2"), (0, "")])
def test_path_that_was_no_longer_in_the_map_when_the_key_changed_is_brought_in_step(new: int, keys: str) -> None:
    cluster = Cluster({"a": K, "b": K})
    nexus, ports = cluster.nexuses.pop("b"), cluster.ports
    cluster.ports = ports - {nexus.transport_id}
    assert cluster.guest(out(OutAction.REGISTER, K, new)) == GOOD
    cluster.look_after()
    cluster.nexuses["b"], cluster.ports = nexus, ports
    cluster.look_after()
    assert cluster.keys() == keys


def test_path_that_goes_away_before_it_is_settled_casts_no_doubt_on_the_others() -> None:
    cluster = returning()
    cluster.before["b REGISTER 0>K"] = lambda: cluster.leave("b")
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.key) == ("a:K", K)


@pytest.mark.parametrize(("key", "keys"), [(0, "a:K b:K"), (K2, "a:K b:K2")])
def test_key_of_a_path_that_is_away_vouches_for_one_that_is_settled_while_others_register(key: int, keys: str) -> None:
    cluster = returning(**({"b": key} if key else {}))
    cluster.leave("a")
    cluster.before["b REGISTER 0>K"] = lambda: cluster.by(OTHER, out(OutAction.REGISTER, 0, KO))
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.key) == (keys, K)
