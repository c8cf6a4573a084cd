"""What a process that has just started finds out."""

import pytest

from prhelper.device.emulated.state import Nexus
from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.transport_id import SasPort

from .cluster import K2, KO, OURS, SOURCE, Cluster, K, T


@pytest.mark.parametrize("ports_known", [True, False])
def test_key_is_known_after_a_restart_and_who_holds_only_where_the_unit_tells(ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["b"], ports_known=ports_known)
    cluster.journal = Entry(K)
    cluster.restart()
    assert (cluster.memory.key, cluster.memory.holds) == (K, ports_known)


def test_key_is_known_after_a_restart_without_a_journal_where_the_unit_tells() -> None:
    cluster = Cluster({"a": K, "b": K}, SOURCE, others={SOURCE: K})
    cluster.restart()
    assert (cluster.memory.key, cluster.memory.holds) == (K, False)


@pytest.mark.parametrize("hosts", [10, 1000])
def test_key_and_holder_are_known_after_a_restart_however_many_others_are_registered(hosts: int) -> None:
    others = {Nexus(f"other {number}", SasPort(number)): KO for number in range(hosts)}
    cluster = Cluster({"a": K, "b": K}, OURS["a"], others=others)
    cluster.restart()
    assert (cluster.memory.key, cluster.memory.holds) == (K, True)


def test_what_is_not_known_is_found_out_when_the_first_path_answers() -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["a"])
    cluster.leave("a", "b")
    cluster.restart()
    assert not cluster.memory.is_recalled
    cluster.come_back()
    assert (cluster.memory.is_recalled, cluster.memory.key, cluster.memory.holds) == (True, K, True)


def test_take_over_that_was_cut_off_is_ended_though_its_entry_is_lost() -> None:
    cluster = Cluster({"a": K, "b": T, "c": T}, OURS["a"], paths="abc")
    cluster.restart()
    assert (cluster.memory.key, cluster.keys()) == (K, "a:K* b:K c:K")


def test_temporary_key_is_removed_if_the_key_was_fenced_though_the_entry_is_lost() -> None:
    cluster = Cluster({"b": T, "c": T}, paths="abc")
    cluster.reply = lambda request: f"{K:#x}" if request.verb == "getprkey" else "ok"
    cluster.restart()
    assert (cluster.memory.key, cluster.keys()) == (0, "")


def test_which_of_two_keys_is_ours_is_not_guessed() -> None:
    cluster = Cluster({"a": K, "b": K2})
    cluster.restart()
    assert (cluster.memory.key, cluster.keys()) == (0, "a:K b:K2")


@pytest.mark.parametrize("reply", ["-0x1", f"0x1{0:016x}", "0x", ":aptpl", "0xg"])
def test_what_multipathd_says_that_is_no_key_is_none(reply: str) -> None:
    cluster = Cluster()
    cluster.reply = lambda request: reply if request.verb == "getprkey" else "ok"
    cluster.restart()
    assert (cluster.memory.key, cluster.requests) == (0, ["getprkey"])
