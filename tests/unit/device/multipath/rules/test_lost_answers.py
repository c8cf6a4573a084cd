"""A path carries a command out and goes away before it answers: what it did is found out, or said not to be known."""

from collections.abc import Callable

import pytest

from prhelper.device.emulated.state import Nexus
from prhelper.scsi.reservation import OutAction

from .....support.spc import CONFLICT, GOOD, SPEC_I_PT
from ...emulated.unit import WA, WR, listed, move, out, without_power
from .cluster import K2, KO, NO_PATH, OTHER, OURS, SOURCE, Cluster, K

REGISTER, PREEMPT = OutAction.REGISTER, OutAction.PREEMPT


def held(path: str) -> Cluster:
    """Our three paths are registered, and one of them holds the reservation."""
    return Cluster(dict.fromkeys("abc", K), OURS[path], WR, "abc", others={OTHER: KO})


def lose_power(cluster: Cluster) -> None:
    """The unit does, and says so by every path."""
    cluster.unit = without_power(cluster.unit, cluster.nexuses.values())


def test_change_of_key_has_taken_the_reservation_along_though_the_path_that_did_so_is_away() -> None:
    cluster = held("a")
    cluster.leave("a")
    cluster.after["b PREEMPT K2 K"] = lambda: cluster.leave("a", "b")
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.keys() == "b:K2* c:K2"


def test_change_of_key_whose_old_one_is_fenced_on_a_path_that_is_away_is_a_conflict() -> None:
    cluster = held("a")
    cluster.leave("a")
    cluster.before["b PREEMPT K2 K"] = cluster.fence
    assert cluster.guest(out(REGISTER, K, K2)) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize(("new", "ports_known"), [(K, True), (K2, True), (K2, False)])
def test_moving_that_may_have_been_done_is_to_be_tried_again_whichever_key_the_heir_gets(
    new: int, ports_known: bool
) -> None:
    cluster = held("b")
    cluster.ports_known = ports_known
    cluster.after["b MOVE K"] = lambda: cluster.leave("b")
    assert cluster.guest(move(K, new, SOURCE.transport_id)) == NO_PATH


def test_moving_and_leaving_that_was_done_has_left_by_every_path() -> None:
    cluster = held("b")
    cluster.after["b MOVE K"] = lambda: cluster.leave("b")
    assert cluster.guest(move(K, K2, SOURCE.transport_id, flags=2)) == NO_PATH
    cluster.come_back()
    assert cluster.keys() == ""


def test_preempting_everybody_that_was_done_has_our_other_paths_registered_again() -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OTHER, WA, "abc", others={OTHER: KO})
    cluster.after["a PREEMPT K 0"] = lambda: cluster.leave("a")
    assert cluster.guest(out(PREEMPT, K, 0, kind=WR)) == NO_PATH
    cluster.come_back()
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("action", [PREEMPT, OutAction.PREEMPT_AND_ABORT])
@pytest.mark.parametrize("happens", ["before", "after"])
def test_take_over_for_all_registrants_that_was_done_is_not_done_again(action: OutAction, happens: str) -> None:
    cluster = held("a")
    name = "PREEMPT" if action == PREEMPT else "ABORT"
    getattr(cluster, happens)[f"a {name} K K"] = lambda: cluster.leave("a")
    assert cluster.guest(out(action, K, K, kind=WA)) == GOOD
    assert cluster.reservation is not None
    assert cluster.reservation.type == WA
    cluster.come_back()
    assert (cluster.keys(), cluster.others()) == ("a:K* b:K* c:K*", "other:O*")


def test_registration_with_the_key_of_another_host_is_found_when_the_paths_are_back() -> None:
    cluster = Cluster(paths="abc", ports_known=False, others={SOURCE: K})
    cluster.after["a IGNORE 0>K"] = lambda: cluster.leave(*"abc")
    assert cluster.guest(out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K)) == NO_PATH
    cluster.come_back()
    assert (cluster.memory.key, cluster.keys()) == (K, "a:K b:K c:K")


@pytest.mark.parametrize("port", [SOURCE, OURS["c"]], ids=str)
def test_ports_that_may_have_been_specified_already_are_no_reason_for_a_final_refusal(port: Nexus) -> None:
    cluster = Cluster(paths="abc")
    cluster.after["a REGISTER 0>K"] = lambda: cluster.leave("a")
    command = out(REGISTER, 0, K, flags=SPEC_I_PT, additional=listed(port.transport_id))
    assert cluster.guest(command) == NO_PATH
    cluster.come_back()
    assert cluster.keys() == ""


def test_path_that_was_specified_and_goes_away_as_it_is_asked_undoes_nothing() -> None:
    cluster = Cluster()
    cluster.before["b REGISTER K>K"] = lambda: cluster.leave("b")
    command = out(REGISTER, 0, K, flags=SPEC_I_PT, additional=listed(OURS["b"].transport_id))
    assert cluster.guest(command) == GOOD
    cluster.come_back()
    assert cluster.keys() == "a:K b:K"


def lose_two(cluster: Cluster, then: Callable[[], object]) -> None:
    """Path a registers and goes away, then something happens, and b goes away as it is to register."""

    def first() -> None:
        cluster.leave("a")
        then()

    cluster.after["a REGISTER 0>K"] = first
    cluster.before["b REGISTER 0>K"] = lambda: cluster.leave("b")


def test_fencing_of_a_path_that_did_not_answer_wins_though_another_did_not_either() -> None:
    cluster = Cluster(paths="abc")
    assert cluster.by(OTHER, out(REGISTER, 0, KO)) == GOOD
    lose_two(cluster, cluster.fence)
    assert cluster.guest(out(REGISTER, 0, K)) == CONFLICT
    cluster.come_back()
    assert cluster.keys() == ""


def test_two_paths_that_registered_and_did_not_answer_undo_no_registration() -> None:
    cluster = Cluster(paths="abc")
    cluster.after["a REGISTER 0>K"] = lambda: cluster.leave("a")
    cluster.after["b REGISTER 0>K"] = lambda: cluster.leave("b")
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert cluster.keys() == "a:K b:K c:K"


def test_path_that_was_settled_after_we_were_fenced_and_went_away_stays_out() -> None:
    cluster = Cluster({"a": K})
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    cluster.before["b REGISTER 0>K"] = cluster.fence
    cluster.after["b REGISTER 0>K"] = lambda: cluster.leave("b")
    cluster.look_after()
    assert cluster.keys() == "b:K"
    cluster.come_back()
    assert cluster.keys() == ""


def test_path_that_was_settled_and_went_away_keeps_the_key_if_we_were_not_fenced() -> None:
    cluster = Cluster({"a": K})
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    cluster.after["b REGISTER 0>K"] = lambda: cluster.leave("b")
    cluster.look_after()
    cluster.come_back()
    assert cluster.keys() == "a:K b:K"


def test_path_that_is_registered_again_after_we_were_fenced_stays_out_though_all_went_away() -> None:
    cluster = Cluster(dict.fromkeys("ab", K), OTHER, WA, "ab", others={OTHER: KO})
    cluster.after["a PREEMPT K 0"] = lambda: cluster.by(SOURCE, out(REGISTER, 0, KO))
    cluster.before["b REGISTER 0>K"] = lambda: cluster.by(SOURCE, out(PREEMPT, KO, K, kind=WR))
    cluster.after["b REGISTER 0>K"] = lambda: cluster.leave("a", "b")
    cluster.guest(out(PREEMPT, K, 0, kind=WR))
    assert cluster.keys() == "b:K"
    cluster.come_back()
    assert cluster.keys() == ""


def test_command_that_arrives_after_it_was_given_up_is_undone() -> None:
    cluster = Cluster({"b": K2})
    cluster.memory = cluster.memory._replace(key=0)
    cluster.before["a REGISTER 0>K"] = lambda: cluster.leave("a")
    assert cluster.guest(out(REGISTER, 0, K)) == CONFLICT
    cluster.carry_out(OURS["a"], out(REGISTER, 0, K))
    cluster.come_back()
    assert cluster.keys() == "b:K2"


def test_new_key_of_a_path_that_goes_away_before_the_fencing_is_noticed_is_taken_from_it_later() -> None:
    cluster = Cluster({"a": K, "b": K})

    def fence() -> None:
        cluster.fence()
        cluster.before["a READ RESERVATION"] = lambda: cluster.leave("a")

    cluster.before["b REGISTER K>K2"] = fence
    assert cluster.guest(out(REGISTER, K, K2)) == CONFLICT
    assert cluster.keys() == "a:K2"
    cluster.come_back()
    assert cluster.keys() == ""


def test_conflict_of_one_path_is_the_answer_though_the_next_is_away() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, others={OTHER: KO})
    cluster.before["b RESERVE K"] = lambda: cluster.leave("b")
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == CONFLICT


def test_registration_that_was_lost_with_the_unit_s_power_is_not_refused_for_what_the_other_path_said() -> None:
    """One path has registered itself, as it listed its own port; to the other that is an error, to one nexus not."""
    cluster = Cluster(paths="ab")
    cluster.after["a REGISTER 0>K"] = lambda: cluster.leave("a")
    cluster.after["b REGISTER 0>K"] = lambda: lose_power(cluster)
    own = listed(OURS["a"].transport_id)
    assert cluster.guest(out(REGISTER, 0, K, flags=SPEC_I_PT, additional=own)) == NO_PATH
    cluster.come_back()
    assert cluster.keys() == ""


def test_power_lost_between_two_paths_of_a_registration_is_noticed_whatever_the_unit_counts() -> None:
    """Another host's registration makes up for what the unit has forgotten to have counted."""
    cluster = Cluster(paths="ab")
    cluster.after["a REGISTER 0>K"] = lambda: lose_power(cluster)
    cluster.after["b REGISTER 0>K"] = lambda: cluster.by(OTHER, out(REGISTER, 0, KO))
    assert cluster.guest(out(REGISTER, 0, K)) == CONFLICT
    assert (cluster.keys(), cluster.others()) == ("", "other:O")
