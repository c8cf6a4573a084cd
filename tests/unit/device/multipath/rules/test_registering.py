"""REGISTER and REGISTER AND IGNORE EXISTING KEY on all paths of a map."""

import pytest

from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import APTPL, CONFLICT, GOOD, INVALID_FIELD_IN_PARAMETER_LIST, SPEC_I_PT
from ...emulated.unit import listed, out
from .cluster import K2, KO, NO_PATH, OTHER, OURS, SOURCE, Cluster, K

REGISTER, IGNORE = OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY


@pytest.mark.parametrize("action", [REGISTER, IGNORE])
def test_first_registration_goes_to_every_path_and_ignores_no_key_on_the_others(action: int) -> None:
    cluster = Cluster()
    assert cluster.guest(out(action, 0, K)) == GOOD
    assert cluster.sent == [f"a {'REGISTER' if action == REGISTER else 'IGNORE'} 0>K", "b REGISTER 0>K"]
    assert cluster.keys() == "a:K b:K"


@pytest.mark.parametrize(("action", "key"), [(REGISTER, K), (IGNORE, 0)])
def test_key_is_changed_by_naming_the_old_one_on_every_path(action: int, key: int) -> None:
    cluster = Cluster({"a": K, "b": K}, holder=OURS["b"])
    assert cluster.guest(out(action, key, K2)) == GOOD
    assert cluster.sent[-2:] == ["a REGISTER K>K2", "b REGISTER K>K2"]
    assert cluster.keys() == "a:K2 b:K2*"


def test_registering_again_without_a_key_is_a_conflict_and_nothing_changes() -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(out(REGISTER, 0, K2)) == CONFLICT
    assert (cluster.sent, cluster.keys()) == (["a REGISTER 0>K2: RESERVATION CONFLICT"], "a:K b:K")


def test_path_that_is_registered_already_undoes_a_registration_without_a_key() -> None:
    cluster = Cluster({"b": K})
    cluster.memory = cluster.memory._replace(key=0)
    assert cluster.guest(out(REGISTER, 0, K2)) == CONFLICT
    assert cluster.sent == ["a REGISTER 0>K2", "b REGISTER 0>K2: RESERVATION CONFLICT", "a REGISTER K2>0"]
    assert cluster.keys() == "b:K"


@pytest.mark.parametrize("new", [K2, 0])
def test_wrong_key_is_a_conflict_on_every_path_and_nothing_changes(new: int) -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(out(REGISTER, KO, new)) == CONFLICT
    assert cluster.keys() == "a:K b:K"


def test_path_that_never_had_the_key_is_registered_along_when_it_changes() -> None:
    cluster = Cluster({"b": K})
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.sent == ["a REGISTER K>K2: RESERVATION CONFLICT", "b REGISTER K>K2", "a REGISTER 0>K2"]
    assert cluster.keys() == "a:K2 b:K2"


@pytest.mark.parametrize(
    ("before", "action", "key", "new", "at"),
    [
        ({}, REGISTER, 0, K, "b REGISTER 0>K"),
        ({}, IGNORE, 0, K, "b REGISTER 0>K"),
        ({"a": K, "b": K}, IGNORE, 0, K, "b REGISTER K>K"),
    ],
)
def test_fencing_between_two_paths_wins_over_a_registration(
    before: dict[str, int], action: int, key: int, new: int, at: str
) -> None:
    cluster = Cluster(before)
    cluster.before[at] = cluster.fence
    assert cluster.guest(out(action, key, new)) == CONFLICT
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize("action", [REGISTER, IGNORE])
@pytest.mark.parametrize("victim", [K, K2])
def test_fencing_of_either_key_between_two_paths_wins_over_a_change_of_key(action: int, victim: int) -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.before["b REGISTER K>K2"] = lambda: cluster.fence(victim)
    assert cluster.guest(out(action, K, K2)) == CONFLICT
    assert cluster.keys() == ""


def test_fencing_before_the_first_command_leaves_nothing_to_change() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.before["a REGISTER K>K2"] = cluster.fence
    assert cluster.guest(out(REGISTER, K, K2)) == CONFLICT
    assert cluster.keys() == ""


def test_fenced_guest_that_ignores_its_key_is_registered_anew() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.fence()
    assert cluster.guest(out(IGNORE, 0, K)) == GOOD
    assert cluster.keys() == "a:K b:K"


def test_registration_of_another_host_in_between_disturbs_nothing() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.before["b REGISTER K>K2"] = lambda: cluster.by(OTHER, out(REGISTER, 0, KO))
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.sent[2:] == ["a REGISTER K2>K2", "b REGISTER K2>K2"]
    assert cluster.keys() == "a:K2 b:K2"


def test_path_that_is_away_is_left_out_and_gets_the_key_when_it_is_back() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a")
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.keys() == "a:K b:K2"
    cluster.come_back()
    assert cluster.keys() == "a:K2 b:K2"


@pytest.mark.parametrize("at", ["before", "after"])
def test_path_that_goes_away_with_the_first_command_leaves_it_to_the_next(at: str) -> None:
    cluster = Cluster({"a": K, "b": K})
    getattr(cluster, at)["a REGISTER K>K2"] = lambda: cluster.leave("a")
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.unit.key_of(OURS["b"]) == K2
    assert cluster.memory.settled == {"b"}


@pytest.mark.parametrize(("before", "key", "new"), [({"a": K, "b": K}, K, K2), ({}, 0, K2)])
def test_fencing_of_a_path_that_was_registered_and_did_not_answer_wins(
    before: dict[str, int], key: int, new: int
) -> None:
    cluster = Cluster(before)

    def lose_and_fence() -> None:
        cluster.leave("a")
        cluster.fence(new)

    cluster.after["a REGISTER " + ("K>K2" if key else "0>K2")] = lose_and_fence
    assert cluster.guest(out(REGISTER, key, new)) == CONFLICT
    assert cluster.keys() == ""


def test_change_of_key_takes_the_reservation_of_a_path_along_that_is_away() -> None:
    cluster = Cluster({"a": K, "b": K}, holder=OURS["a"])
    cluster.leave("a")
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.sent == ["b REGISTER K>K2", "b PREEMPT K2 K"]
    assert cluster.keys() == "b:K2*"


@pytest.mark.parametrize(("action", "key"), [(REGISTER, K), (IGNORE, 0)])
def test_unregistering_goes_to_every_path_and_the_holder_first(action: int, key: int) -> None:
    cluster = Cluster({"a": K, "b": K}, holder=OURS["b"])
    assert cluster.guest(out(action, key, 0)) == GOOD
    assert [text[:1] for text in cluster.sent if ">0" in text] == ["b", "a", "a"][: len(cluster.sent) - 2]
    assert (cluster.keys(), cluster.reservation) == ("", None)


def test_unregistering_while_the_holder_is_away_takes_over_first() -> None:
    cluster = Cluster({"a": K, "b": K, "c": K}, holder=OURS["a"], paths="abc")
    cluster.leave("a")
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    assert cluster.done == [
        "b REGISTER K>K",
        "c REGISTER K>T",
        "b PREEMPT K K",
        "c REGISTER T>K",
        "b REGISTER K>0",
        "c REGISTER K>0",
    ]
    assert (cluster.keys(), cluster.reservation) == ("", None)


@pytest.mark.parametrize("command", [out(REGISTER, K, 0), out(OutAction.CLEAR, K), out(OutAction.PREEMPT, K, K)])
def test_journal_is_empty_when_every_path_has_left(command: Command) -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.has_written(Entry(K))
    assert cluster.guest(command) == GOOD
    assert cluster.journal is None
    assert cluster.memory.entry is None


def test_unregistered_path_stays_out_when_it_is_back() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a")
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    cluster.come_back()
    assert cluster.keys() == ""


def test_specified_ports_are_registered_once_by_the_first_path() -> None:
    cluster = Cluster()
    command = out(REGISTER, 0, K, flags=SPEC_I_PT, additional=listed(SOURCE.transport_id))
    assert cluster.guest(command) == GOOD
    assert cluster.keys() == "a:K b:K"
    assert cluster.others() == f"{SOURCE.transport_id}:K"


def test_refusal_of_the_unit_is_the_answer_and_is_asked_for_once() -> None:
    cluster = Cluster()
    assert cluster.guest(out(IGNORE, 0, K, flags=SPEC_I_PT)) == INVALID_FIELD_IN_PARAMETER_LIST
    assert len(cluster.sent) == 1


def test_aptpl_is_what_the_guest_said_last_and_no_command_of_ours_ends_it() -> None:
    cluster = Cluster()
    assert cluster.guest(out(REGISTER, 0, K, flags=APTPL)) == GOOD
    assert cluster.guest(out(OutAction.RESERVE, K, kind=5)) == GOOD
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=5)) == GOOD
    cluster.leave("a")
    cluster.look_after()
    cluster.come_back()
    assert cluster.unit.aptpl
    assert cluster.guest(out(REGISTER, K, K)) == GOOD
    assert not cluster.unit.aptpl


def test_undone_registration_leaves_aptpl_as_it_was() -> None:
    cluster = Cluster({"b": K})
    cluster.memory = cluster.memory._replace(key=0)
    cluster.by(OTHER, out(REGISTER, 0, KO, flags=APTPL))
    assert cluster.guest(out(REGISTER, 0, K2)) == CONFLICT
    assert cluster.unit.aptpl


def test_no_path_is_an_error_that_clusters_retry_and_the_sequence_is_ended_later() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.after["a REGISTER K>K2"] = lambda: cluster.leave("a", "b")
    assert cluster.guest(out(REGISTER, K, K2)) == NO_PATH
    cluster.come_back()
    assert cluster.keys() == "a:K b:K"


def test_key_of_another_host_that_the_guest_names_is_not_taken_for_an_old_one_of_ours() -> None:
    cluster = Cluster({"a": K, "b": K}, others={OTHER: KO})
    cluster.has_written(Entry(K))
    assert cluster.guest(out(REGISTER, KO, K2)) == CONFLICT
    assert cluster.journal == Entry(K)


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_multipathd_registers_meanwhile_is_unregistered_once_more(ports_known: bool) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), paths="abc", ports_known=ports_known)
    again = out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K)
    cluster.before["b REGISTER K>0"] = lambda: cluster.by(OURS["a"], again)
    assert cluster.guest(out(OutAction.REGISTER, K, 0)) == GOOD
    assert (cluster.keys(), cluster.memory.key) == ("", 0)
