"""Registering and unregistering where a path does not do as the others: it refuses, has another key, or was fenced."""

import pytest

from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, OutAction, ReservationType

from .....support.spc import (
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_PARAMETER_LIST,
    PARAMETER_LIST_LENGTH_ERROR,
    SPEC_I_PT,
    Codes,
)
from ...emulated.unit import WA, WR, out
from .cluster import K2, KO, NO_PATH, OTHER, OURS, Cluster, K, describe

REGISTER, IGNORE = OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY
NO_ROOM: Codes = (0x05, 0x55, 0x04)


def register_other(cluster: Cluster, key: int = KO) -> None:
    """Another host registers, or changes its key, and fences nobody."""
    assert cluster.by(OTHER, out(IGNORE, 0, key)) == GOOD


def refuse(cluster: Cluster, text: str) -> None:
    """One command is refused by the unit."""

    def interfere(path: str | None, command: Command | None) -> Outcome | None:
        is_it = command is not None and f"{path} {describe(command)}" == text
        return check_condition(sense.INSUFFICIENT_REGISTRATION_RESOURCES) if is_it else None

    cluster.interfere = interfere


@pytest.mark.parametrize(
    ("keys", "command", "at"),
    [
        ({}, out(REGISTER, 0, K), "b REGISTER 0>K"),
        ({"a": K, "b": K}, out(REGISTER, K, K2), "b REGISTER K>K2"),
        ({"a": K, "b": K}, out(IGNORE, 0, K2), "b REGISTER K>K2"),
    ],
)
def test_refusal_of_a_later_path_is_the_answer_and_undoes_the_others(
    keys: dict[str, int], command: Command, at: str
) -> None:
    cluster = Cluster(keys)
    before = cluster.keys()
    cluster.before[at] = lambda: register_other(cluster)
    refuse(cluster, at)
    assert cluster.guest(command) == NO_ROOM
    assert (cluster.keys(), cluster.memory.key) == (before, keys.get("a", 0))


def test_fencing_while_a_change_of_key_is_undone_wins() -> None:
    cluster = Cluster({"a": K, "b": K})
    refuse(cluster, "b REGISTER K>K2")
    cluster.before["a REGISTER K2>K"] = cluster.fence
    assert cluster.guest(out(REGISTER, K, K2)) == CONFLICT
    assert cluster.keys() == ""


def test_refusal_of_a_later_path_to_be_unregistered_is_the_answer() -> None:
    cluster = Cluster({"a": K, "b": K})
    refuse(cluster, "b REGISTER K>0")
    assert cluster.guest(out(REGISTER, K, 0)) == NO_ROOM
    assert cluster.memory.key == K


@pytest.mark.parametrize("is_disturbed", [False, True])
def test_ignoring_the_key_replaces_one_that_only_a_later_path_has(is_disturbed: bool) -> None:
    cluster = Cluster({"b": KO + 7})
    cluster.memory = cluster.memory._replace(key=0)
    if is_disturbed:
        cluster.before["b REGISTER 0>K"] = lambda: register_other(cluster)
    assert cluster.guest(out(IGNORE, 0, K)) == GOOD
    assert cluster.keys() == "a:K b:K"


def test_fencing_wins_where_a_later_path_has_another_key() -> None:
    cluster = Cluster({"b": KO + 7})
    cluster.memory = cluster.memory._replace(key=0)
    cluster.before["b REGISTER 0>K"] = cluster.fence
    assert cluster.guest(out(IGNORE, 0, K)) == CONFLICT
    assert K not in cluster.read_keys()


@pytest.mark.parametrize(
    ("command", "answered"),
    [
        (out(IGNORE, 0, K2, additional=bytes(1)), PARAMETER_LIST_LENGTH_ERROR),
        (out(IGNORE, 0, K2, flags=SPEC_I_PT), INVALID_FIELD_IN_PARAMETER_LIST),
    ],
)
def test_list_that_is_wrong_is_refused_though_the_key_is_ignored(command: Command, answered: Codes) -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(command) == answered
    assert (cluster.keys(), cluster.memory.key) == ("a:K b:K", K)


@pytest.mark.parametrize(
    ("keys", "key", "answered", "left"),
    [
        ({}, 0, GOOD, ""),
        ({"b": K}, 0, CONFLICT, "b:K"),
        ({"a": K}, K, GOOD, ""),
    ],
)
def test_unregistering_what_only_one_path_has(keys: dict[str, int], key: int, answered: int, left: str) -> None:
    cluster = Cluster(keys)
    cluster.memory = cluster.memory._replace(key=key)
    assert cluster.guest(out(REGISTER, key, 0)) == answered
    assert cluster.keys() == left


@pytest.mark.parametrize("key", [0, KO])
def test_unregistering_with_a_wrong_key_moves_no_reservation_and_is_not_written_down(key: int) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["a"], paths="abc")
    cluster.has_written(Entry(K))
    cluster.leave("a")
    written: list[Entry | None] = []
    text = "b REGISTER 0>0" if key == 0 else "b REGISTER O>0"
    cluster.before[text] = lambda: written.append(cluster.journal)
    assert cluster.guest(out(REGISTER, key, 0)) == CONFLICT
    assert (written, cluster.keys()) == ([Entry(K)], "a:K* b:K c:K")


@pytest.mark.parametrize("at", ["before", "after"])
def test_holder_that_goes_away_as_it_is_unregistered_is_taken_over_from(at: str) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["b"], paths="abc")
    getattr(cluster, at)["b REGISTER K>0"] = lambda: cluster.leave("b")
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    cluster.come_back()
    assert (cluster.keys(), cluster.reservation) == ("", None)


def test_first_registration_preempts_no_registrant_where_all_hold() -> None:
    cluster = Cluster(holder=OTHER, kind=WA, others={OTHER: KO})
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K*", "other:O*")


@pytest.mark.parametrize(
    ("holder", "kind", "held", "holds"),
    [
        ("a", WR, True, True),
        ("a", WA, True, True),
        ("a", WR, False, False),
        ("other", WR, True, False),
        ("", WR, True, False),
    ],
)
def test_change_of_key_holds_on_to_what_is_held(holder: str, kind: ReservationType, held: bool, holds: bool) -> None:
    nexus = {"a": OURS["a"], "other": OTHER, "": None}[holder]
    cluster = Cluster({"a": K, "b": K}, nexus, kind, others={OTHER: KO}, ports_known=False)
    cluster.memory = cluster.memory._replace(holds=held)
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.memory.holds is holds


def test_path_that_was_not_changed_and_is_away_was_not_fenced_by_those_who_register() -> None:
    cluster = Cluster({"a": K, "b": K})

    def leave() -> None:
        cluster.leave("a")
        register_other(cluster)
        register_other(cluster, KO + 1)

    cluster.before["a REGISTER K>K2"] = leave
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.keys() == "a:K b:K2"


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("paths", ["ab", "abc"])
def test_fencing_by_the_old_key_wins_though_no_path_is_left_that_had_it(paths: str, ports_known: bool) -> None:
    cluster = Cluster(dict.fromkeys(paths, K), paths=paths, ports_known=ports_known, others={OTHER: KO})

    def fence_and_leave() -> None:
        cluster.fence()
        cluster.leave(*paths[1:])

    cluster.after["a REGISTER K>K2"] = fence_and_leave
    assert cluster.guest(out(REGISTER, K, K2)) == CONFLICT
    cluster.come_back()
    assert cluster.keys() == ""


def test_refusal_that_may_have_come_of_a_lost_command_unregisters_no_path_that_was_registered() -> None:
    cluster = Cluster({"a": K, "b": K})

    def leave() -> None:
        cluster.leave("a")
        register_other(cluster)

    cluster.before["a REGISTER K>K"] = leave
    assert cluster.guest(out(REGISTER, K, K, flags=SPEC_I_PT, additional=bytes(4))) == NO_PATH
    assert cluster.keys() == "a:K b:K"
