"""ALL_TG_PT: a command of one path that registers others, those of the same port of ours."""

import pytest

from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, OutAction
from prhelper.scsi.sense import INVALID_FIELD_IN_PARAMETER_LIST as INVALID_LIST

from .....support.spc import ALL_TG_PT, CONFLICT, GOOD
from ...emulated.unit import out
from .cluster import K2, NO_PATH, OURS, Cluster, K

REGISTER, IGNORE = OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY


def test_path_through_the_same_port_is_in_step_after_all_target_ports() -> None:
    cluster = Cluster(share_ports=True)
    assert cluster.guest(out(REGISTER, 0, K, flags=ALL_TG_PT)) == GOOD
    assert cluster.sent == ["a REGISTER 0>K", "b REGISTER 0>K: RESERVATION CONFLICT", "b REGISTER K>K"]
    assert cluster.guest(out(REGISTER, K, K2, flags=ALL_TG_PT)) == GOOD
    assert cluster.keys() == "a:K2 b:K2"


@pytest.mark.parametrize("action", [REGISTER, IGNORE])
def test_fencing_between_two_paths_through_the_same_port_wins(action: int) -> None:
    cluster = Cluster(share_ports=True)
    cluster.before["b REGISTER 0>K"] = cluster.fence
    assert cluster.guest(out(action, 0, K, flags=ALL_TG_PT)) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize(("before", "key", "new"), [(0, 0, K), (K, K, K2)])
def test_path_that_was_registered_by_another_which_did_not_answer_is_known_to_be(
    before: int, key: int, new: int
) -> None:
    cluster = Cluster(share_ports=True)
    if before:
        assert cluster.guest(out(REGISTER, 0, before)) == GOOD
    text = "a REGISTER K>K2" if key else "a REGISTER 0>K"
    cluster.after[text] = lambda: cluster.leave("a")
    assert cluster.guest(out(REGISTER, key, new, flags=ALL_TG_PT)) == GOOD
    cluster.come_back()
    assert cluster.keys() == ("a:K2 b:K2" if key else "a:K b:K")


def test_registration_of_which_both_paths_that_have_it_go_away_is_to_be_tried_again_and_undone() -> None:
    cluster = Cluster(paths="abcd", share_ports=True)
    cluster.after["a REGISTER 0>K"] = lambda: cluster.leave("a")
    cluster.before["b REGISTER K>K"] = lambda: cluster.leave("b")
    assert cluster.guest(out(REGISTER, 0, K, flags=ALL_TG_PT)) == NO_PATH
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


def test_unit_that_misses_all_target_ports_gets_it_and_no_other() -> None:
    cluster = Cluster()
    assert cluster.guest(out(REGISTER, 0, K, flags=ALL_TG_PT)) == GOOD

    def insist(_: object, command: Command | None) -> Outcome | None:  # as LIO does, of a path registered with it
        if command is None or not command.is_out or command.service_action != REGISTER:
            return None
        return None if command.parameter_list[20] & ALL_TG_PT else check_condition(INVALID_LIST)

    cluster.interfere = insist
    cluster.leave("a")
    cluster.look_after()
    cluster.come_back()
    assert cluster.sent[-2:] == ["a REGISTER K>K: 05/26/00", "a REGISTER K>K"]


def test_path_that_goes_away_as_it_is_asked_again_is_done_without() -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["a"])
    asked: list[object] = []

    def insist(path: object, command: Command | None) -> Outcome | None:
        if path != "b" or command is None or not command.is_out or command.service_action != REGISTER:
            return None
        asked.append(command)
        if len(asked) == 1:
            return check_condition(INVALID_LIST)
        cluster.leave("b")
        return None

    cluster.interfere = insist
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=5)) == GOOD
    assert len(asked) == 2


def test_unregistering_that_was_done_for_both_paths_and_not_answered_is_to_be_tried_again() -> None:
    cluster = Cluster(share_ports=True)
    assert cluster.guest(out(REGISTER, 0, K, flags=ALL_TG_PT)) == GOOD
    cluster.after["a REGISTER K>0"] = lambda: cluster.leave("a")
    assert cluster.guest(out(REGISTER, K, 0, flags=ALL_TG_PT)) == NO_PATH
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)
