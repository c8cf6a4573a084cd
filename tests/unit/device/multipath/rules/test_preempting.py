"""PREEMPT of others' keys, and of everybody's. Of our own: `test_taking_over.py`."""

import pytest

from prhelper.device.emulated.state import Nexus
from prhelper.device.multipath.rules.steps import Path
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction, ReservationType

from .....support.spc import CONFLICT, GOOD, INVALID_FIELD_IN_PARAMETER_LIST, PARAMETER_LIST_LENGTH_ERROR
from ...emulated.unit import TYPES, WA, WE, WR, out
from .cluster import KO, NO_PATH, OTHER, OURS, SOURCE, Cluster, K


@pytest.mark.parametrize("holder", [OURS["b"], None])
def test_preempting_nobody_is_refused_by_the_unit(holder: Nexus | None) -> None:
    cluster = Cluster({"a": K, "b": K}, holder)
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=WR)) == INVALID_FIELD_IN_PARAMETER_LIST


@pytest.mark.parametrize(("victim", "kind"), [(K, WR), (K, WE), (0, WA), (0, WR)])
def test_preempting_with_a_list_of_the_wrong_length_is_refused_as_the_unit_does(
    victim: int, kind: ReservationType
) -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["b"], WR if victim else WA)
    command = out(OutAction.PREEMPT, K, victim, kind, additional=bytes(1))
    assert cluster.guest(command) == PARAMETER_LIST_LENGTH_ERROR
    assert cluster.done == []


def test_preempting_ourselves_with_a_list_that_the_unit_should_refuse_and_does_not_leaves_all_paths_registered() -> (
    None
):
    cluster = Cluster({"a": K, "b": K}, OURS["b"])
    command = out(OutAction.PREEMPT, K, K, WE, additional=bytes(1))

    def do_not_look(path: Path | None, sent: Command | None) -> Outcome | None:
        plain = out(OutAction.PREEMPT, K, K, WE)
        return cluster.carry_out(OURS[path], plain) if path is not None and sent == command else None

    cluster.interfere = do_not_look
    assert cluster.guest(command) == GOOD
    assert cluster.keys() == "a:K* b:K"


@pytest.mark.parametrize("kind", TYPES)
def test_preempting_the_other_holder_takes_one_path(kind: ReservationType) -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, kind, others={OTHER: KO})
    assert cluster.guest(out(OutAction.PREEMPT, K, KO, kind=WE)) == GOOD
    assert (cluster.sent, cluster.others()) == (["a PREEMPT K O"], "")
    assert cluster.keys() == ("a:K* b:K*" if kind >= WA else "a:K* b:K")
    assert cluster.memory.holds


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind >= WA])
def test_preempting_everybody_goes_key_by_key_and_keeps_our_paths(kind: ReservationType) -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, kind, others={OTHER: KO, SOURCE: KO + 1})
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=kind)) == GOOD
    assert [text.split()[1] for text in cluster.done] == ["REGISTER", "REGISTER", "PREEMPT", "PREEMPT"]
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K*", "")


def test_preempting_everybody_with_another_type_registers_our_other_paths_again() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, WA, others={OTHER: KO})
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=WR)) == GOOD
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K", "")
    assert cluster.reservation is not None
    assert cluster.reservation.type is WR


def test_preempting_everybody_when_nobody_is_there_is_good_and_with_a_wrong_key_a_conflict() -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["a"], WA)
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=WA)) == GOOD
    assert cluster.guest(out(OutAction.PREEMPT, KO, 0, kind=WA)) == CONFLICT
    assert cluster.keys() == "a:K* b:K*"


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("kind", [WA, WR])
def test_preempting_everybody_where_all_hold_only_since_we_looked_registers_our_other_paths_again(
    kind: ReservationType, answered: bool
) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), paths="abc", others={OTHER: KO})
    cluster.before["a PREEMPT K 0"] = lambda: cluster.by(OTHER, out(OutAction.RESERVE, KO, kind=WA))
    if not answered:
        cluster.after["a PREEMPT K 0"] = lambda: cluster.leave("a")
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=kind)) == (GOOD if answered else NO_PATH)
    assert cluster.keys().replace("*", "") == "a:K b:K c:K"


def test_fencing_while_everybody_is_preempted_wins() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, WA, others={OTHER: KO})
    cluster.before["a PREEMPT K O"] = cluster.fence
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=WA)) == CONFLICT
    assert (cluster.keys(), cluster.others()) == ("", "other:O*")


REGISTER, IGNORE = OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY

IN_BETWEEN: dict[str, tuple[Nexus, Command]] = {
    "changes its key": (OTHER, out(REGISTER, KO, KO + 2)),
    "takes our key": (OTHER, out(REGISTER, KO, K)),
    "releases": (OTHER, out(OutAction.RELEASE, KO, kind=WA)),
    "leaves": (OTHER, out(REGISTER, KO, 0)),
    "registers": (OURS["c"], out(REGISTER, 0, KO + 3)),
}


@pytest.mark.parametrize("at", ["a REGISTER K>K", "a PREEMPT K O", f"a PREEMPT K {KO + 1:#x}"])
@pytest.mark.parametrize("name", IN_BETWEEN)
def test_whatever_another_host_does_while_everybody_is_preempted_only_we_are_left(name: str, at: str) -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, WA, others={OTHER: KO, SOURCE: KO + 1})
    cluster.before[at] = lambda: cluster.by(*IN_BETWEEN[name])
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=WA)) == GOOD
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K*", "")
    assert cluster.memory.holds


def test_host_that_keeps_registering_is_preempted_at_last() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, WA, others={OTHER: KO})

    def register(_: Path | None, command: Command | None) -> None:
        if command is not None and command.is_out and command.service_action == OutAction.PREEMPT:
            cluster.by(SOURCE, out(IGNORE, 0, KO + 1))

    cluster.interfere = register
    assert cluster.guest(out(OutAction.PREEMPT, K, 0, kind=WA)) == GOOD
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K*", "")


def test_preempting_with_a_key_that_we_have_not_leaves_ours_alone() -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(out(OutAction.PREEMPT, KO, KO, kind=WR)) == CONFLICT
    assert (cluster.keys(), cluster.memory.key) == ("a:K b:K", K)


def test_preempting_without_a_registration_makes_no_holder() -> None:
    cluster = Cluster(holder=OTHER, kind=WA, others={OTHER: KO})
    assert cluster.guest(out(OutAction.PREEMPT, K, KO, kind=WA)) == CONFLICT
    assert not cluster.memory.holds


def test_preempting_by_the_next_path_is_good_whatever_the_first_and_others_did() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, others={OTHER: KO})

    def leave() -> None:
        cluster.leave("a")
        cluster.by(SOURCE, out(REGISTER, 0, KO + 1))

    cluster.before["a PREEMPT K O"] = leave
    assert cluster.guest(out(OutAction.PREEMPT, K, KO, kind=WR)) == GOOD


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("kind", [WA, WR])
def test_preempting_everybody_with_the_key_of_another_host_is_a_conflict(
    kind: ReservationType, ports_known: bool
) -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, WA, others={OTHER: KO}, ports_known=ports_known)
    assert cluster.guest(out(OutAction.PREEMPT, KO, 0, kind=kind)) == CONFLICT
    assert (cluster.keys(), cluster.others(), cluster.memory.holds) == ("a:K* b:K*", "other:O*", False)


@pytest.mark.parametrize(
    ("holder", "we_held", "we_hold"),
    [(None, False, False), (OURS["b"], True, True), (SOURCE, False, False), (OTHER, False, True)],
)
def test_preempting_a_registrant_makes_us_hold_what_it_held_and_nothing_else(
    holder: Nexus | None, we_held: bool, we_hold: bool
) -> None:
    others = {OTHER: KO, SOURCE: K}  # another host shares our key
    cluster = Cluster({"a": K, "b": K}, holder, others=others, ports_known=False)
    cluster.memory = cluster.memory._replace(holds=we_held)
    assert cluster.guest(out(OutAction.PREEMPT, K, KO, kind=WR)) == GOOD
    assert cluster.memory.holds is we_hold
