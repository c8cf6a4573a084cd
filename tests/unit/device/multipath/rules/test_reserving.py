"""RESERVE, CLEAR and REGISTER AND MOVE by the paths of a map."""

import pytest

from prhelper.device.emulated.state import Nexus
from prhelper.scsi.reservation import OutAction, ReservationType

from .....support.spc import (
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_PARAMETER_LIST,
    Codes,
)
from ...emulated.unit import TYPES, WE, WR, move, out
from .cluster import KO, NO_PATH, OTHER, OURS, SOURCE, Cluster, K
from .holding import SINGLE, held

RESERVE, CLEAR = OutAction.RESERVE, OutAction.CLEAR


@pytest.mark.parametrize("kind", TYPES)
def test_reserving_takes_one_path(kind: ReservationType) -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(out(RESERVE, K, kind=kind)) == GOOD
    assert cluster.sent == ["a RESERVE K"]
    assert cluster.memory.holds


def test_reserving_again_finds_the_path_that_holds() -> None:
    cluster = held("c")
    assert cluster.guest(out(RESERVE, K, kind=WR)) == GOOD
    assert cluster.sent == ["a RESERVE K: RESERVATION CONFLICT", "b RESERVE K: RESERVATION CONFLICT", "c RESERVE K"]


@pytest.mark.parametrize("ports_known", [True, False])
def test_reserving_what_the_other_host_holds_is_a_conflict(ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, others={OTHER: KO}, ports_known=ports_known)
    assert cluster.guest(out(RESERVE, K, kind=WR)) == CONFLICT


@pytest.mark.parametrize("ports_known", [True, False])
def test_reserving_what_another_host_with_our_key_holds_is_a_conflict(ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, SOURCE, others={SOURCE: K}, ports_known=ports_known)
    cluster.leave("a")
    assert cluster.guest(out(RESERVE, K, kind=WR)) == CONFLICT
    assert cluster.others() == "source:K*"


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("kind", SINGLE)
def test_reserving_again_while_the_holder_is_away_moves_it(kind: ReservationType, ports_known: bool) -> None:
    cluster = held("b", kind, ports_known)
    cluster.leave("b")
    assert cluster.guest(out(RESERVE, K, kind=kind)) == GOOD
    assert (cluster.keys(), cluster.others()) == ("a:K* c:K", "other:O")


def test_reserving_another_type_while_the_holder_is_away_is_a_conflict() -> None:
    cluster = held("b")
    cluster.leave("b")
    assert cluster.guest(out(RESERVE, K, kind=WE)) == CONFLICT
    assert cluster.keys() == "a:K b:K* c:K"


def test_reservation_of_a_path_whose_answer_was_lost_is_moved() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.after["a RESERVE K"] = lambda: cluster.leave("a")
    assert cluster.guest(out(RESERVE, K, kind=WR)) == GOOD
    assert cluster.keys() == "b:K*"


def test_reservation_of_a_path_whose_answer_was_lost_is_to_be_tried_again_where_nothing_tells_whose_it_is() -> None:
    cluster = Cluster({"a": K, "b": K}, ports_known=False)
    cluster.after["a RESERVE K"] = lambda: cluster.leave("a")
    assert cluster.guest(out(RESERVE, K, kind=WR)) == NO_PATH


def test_clearing_takes_one_path_and_leaves_no_key() -> None:
    cluster = held("b")
    assert cluster.guest(out(CLEAR, K)) == GOOD
    assert (cluster.sent, cluster.keys(), cluster.others()) == (["a CLEAR K"], "", "")
    assert cluster.memory.key == 0


def test_clearing_with_a_wrong_key_is_a_conflict_and_ours_stays_known() -> None:
    cluster = held("b")
    assert cluster.guest(out(CLEAR, KO)) == CONFLICT
    assert (cluster.keys(), cluster.memory.key) == ("a:K b:K* c:K", K)


@pytest.mark.parametrize("command", [out(CLEAR, K), out(OutAction.PREEMPT, K, KO, kind=WR)])
def test_command_that_a_lost_path_may_have_carried_out_is_to_be_tried_again(command: object) -> None:
    cluster = held("b")
    text = "a CLEAR K" if command == out(CLEAR, K) else "a PREEMPT K O"
    cluster.after[text] = lambda: cluster.leave("a")
    assert cluster.guest(command) == NO_PATH  # type: ignore[arg-type]


def test_command_that_a_lost_path_has_not_carried_out_is_answered_by_the_next() -> None:
    cluster = held("b")
    cluster.leave("b")
    cluster.before["a CLEAR O"] = lambda: cluster.leave("a")
    assert cluster.guest(out(CLEAR, KO)) == CONFLICT


@pytest.mark.parametrize("is_away", [False, True])
def test_moving_the_reservation_goes_by_the_path_that_holds(is_away: bool) -> None:
    cluster = held("b")
    if is_away:
        cluster.leave("b")
    assert cluster.guest(move(K, KO, SOURCE.transport_id)) == GOOD
    assert cluster.others() == f"other:O {SOURCE.transport_id}:O*"
    assert cluster.keys() == ("a:K c:K" if is_away else "a:K b:K c:K")


def test_moving_the_reservation_and_leaving_unregisters_every_path() -> None:
    cluster = held("b")
    assert cluster.guest(move(K, KO, SOURCE.transport_id, flags=2)) == GOOD
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


def test_fencing_while_the_reservation_is_brought_here_to_be_moved_wins() -> None:
    cluster = held("b")
    cluster.leave("b")
    cluster.before["a PREEMPT K K"] = cluster.fence
    assert cluster.guest(move(K, KO, SOURCE.transport_id)) == CONFLICT
    assert (cluster.keys(), cluster.others()) == ("", "other:O*")
    assert not any("MOVE" in text for text in cluster.sent)


def test_moving_and_leaving_that_is_a_conflict_leaves_nothing() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, others={OTHER: KO})
    assert cluster.guest(move(K, KO, SOURCE.transport_id, flags=2)) == CONFLICT
    assert cluster.keys() == "a:K b:K"


@pytest.mark.parametrize("carried_out", [False, True])
def test_holder_that_goes_away_as_it_moves_the_reservation_may_have_done_so(carried_out: bool) -> None:
    cluster = held("b")
    hook = cluster.after if carried_out else cluster.before
    hook["b MOVE K"] = lambda: cluster.leave("b")
    assert cluster.guest(move(K, KO, SOURCE.transport_id)) == (NO_PATH if carried_out else GOOD)
    assert cluster.others() == f"other:O {SOURCE.transport_id}:O*"


@pytest.mark.parametrize("port", "ab")
@pytest.mark.parametrize(
    ("holder", "answered"),
    [(OURS["b"], INVALID_FIELD_IN_PARAMETER_LIST), (None, INVALID_FIELD_IN_PARAMETER_LIST), (OTHER, CONFLICT)],
)
def test_moving_the_reservation_to_a_port_of_ours_is_refused_as_to_the_guest_itself(
    holder: Nexus | None, answered: Codes | int, port: str
) -> None:
    cluster = Cluster({"a": K, "b": K}, holder, others={OTHER: KO})
    before = cluster.keys()
    assert cluster.guest(move(K, KO, OURS[port].transport_id)) == answered
    assert cluster.keys() == before


def test_moving_to_a_port_of_ours_with_no_key_or_a_wrong_one_is_a_conflict() -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(move(KO, K, OURS["b"].transport_id)) == CONFLICT
    assert Cluster().guest(move(0, K, OURS["b"].transport_id)) == CONFLICT
