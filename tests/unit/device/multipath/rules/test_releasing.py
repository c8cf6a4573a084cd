"""RELEASE by the paths of a map: who does not hold the reservation says GOOD."""

import pytest

from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction, ReservationType
from prhelper.scsi.status import Status

from .....support.spc import CONFLICT, GOOD, INVALID_RELEASE, PARAMETER_LIST_LENGTH_ERROR
from ...emulated.unit import TYPES, WE, WR, out
from .cluster import KO, NO_PATH, OTHER, SOURCE, Cluster, K
from .holding import SINGLE, held

RELEASE = OutAction.RELEASE


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("kind", TYPES)
def test_releasing_finds_the_path_that_holds(kind: ReservationType, ports_known: bool) -> None:
    cluster = held("c", kind, ports_known)
    assert cluster.guest(out(RELEASE, K, kind=kind)) == GOOD
    assert (cluster.reservation, cluster.keys(), cluster.memory.holds) == (None, "a:K b:K c:K", False)
    assert not any("REGISTER" in text for text in cluster.sent)


@pytest.mark.parametrize("path", "abc")
def test_releasing_the_wrong_type_is_refused_as_the_holder_does(path: str) -> None:
    cluster = held(path)
    assert cluster.guest(out(RELEASE, K, kind=WE)) == INVALID_RELEASE
    assert cluster.reservation is not None


def test_releasing_what_the_other_host_holds_does_nothing_and_is_good() -> None:
    cluster = Cluster({"a": K, "b": K}, OTHER, others={OTHER: KO})
    assert cluster.guest(out(RELEASE, K, kind=WR)) == GOOD
    assert (cluster.sent, cluster.others()) == (["a RELEASE K"], "other:O*")


@pytest.mark.parametrize("ports_known", [True, False])
def test_releasing_what_another_host_with_our_key_holds_does_nothing_and_is_good(ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, SOURCE, others={SOURCE: K}, ports_known=ports_known)
    assert cluster.guest(out(RELEASE, K, kind=WR)) == GOOD
    assert (cluster.keys(), cluster.others()) == ("a:K b:K", "source:K*")


def test_releasing_with_a_wrong_key_is_a_conflict() -> None:
    cluster = held("a")
    assert cluster.guest(out(RELEASE, KO, kind=WR)) == CONFLICT
    assert cluster.keys() == "a:K* b:K c:K"
    assert cluster.memory.holds


@pytest.mark.parametrize("holder", "abc")
def test_releasing_with_a_wrong_key_is_a_conflict_where_the_unit_verifies_the_holder_s_only(holder: str) -> None:
    cluster = held(holder)

    def do_not_verify(path: str | None, command: Command | None) -> Outcome | None:  # as LIO
        is_release = command is not None and command.is_out and command.service_action == RELEASE
        return Outcome(Status.GOOD) if is_release and path != holder else None

    cluster.interfere = do_not_verify
    assert cluster.guest(out(RELEASE, KO, kind=WR)) == CONFLICT
    assert cluster.memory.holds
    cluster.leave(holder)
    assert cluster.guest(out(RELEASE, KO, kind=WR)) == GOOD
    assert cluster.memory.holds
    cluster.leave(*"abc")
    assert cluster.guest(out(RELEASE, KO, kind=WR)) == NO_PATH


def test_releasing_what_nobody_holds_is_good() -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(out(RELEASE, K, kind=WR)) == GOOD
    assert cluster.sent == ["a RELEASE K"]


def test_releasing_after_fencing_that_came_in_between_is_a_conflict() -> None:
    cluster = held("b")
    cluster.before["a RELEASE K"] = cluster.fence
    assert cluster.guest(out(RELEASE, K, kind=WR)) == CONFLICT


def test_releasing_with_a_list_of_the_wrong_length_is_refused_as_the_unit_does() -> None:
    cluster = held("b")
    command = out(RELEASE, K, kind=WR, additional=bytes(1))
    assert cluster.guest(command) == PARAMETER_LIST_LENGTH_ERROR
    assert cluster.keys() == "a:K b:K* c:K"


@pytest.mark.parametrize("kind", SINGLE)
def test_releasing_while_the_holder_is_away_takes_over_and_releases(kind: ReservationType) -> None:
    cluster = held("a", kind)
    cluster.leave("a")
    assert cluster.guest(out(RELEASE, K, kind=kind)) == GOOD
    assert (cluster.reservation, cluster.keys(), cluster.others()) == (None, "b:K c:K", "other:O")
    assert cluster.sent.count("b RELEASE K") == 2  # to find out, and to do it


def test_releasing_the_wrong_type_while_the_holder_is_away_is_refused() -> None:
    cluster = held("a")
    cluster.leave("a")
    assert cluster.guest(out(RELEASE, K, kind=WE)) == INVALID_RELEASE
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("ports_known", [True, False])
def test_releasing_the_wrong_type_is_refused_though_others_end_the_reservation_meanwhile(ports_known: bool) -> None:
    cluster = held("a", ports_known=ports_known)
    cluster.leave("a")
    cluster.after["c RELEASE K"] = cluster.fence
    assert cluster.guest(out(RELEASE, K, kind=WE)) == INVALID_RELEASE
    assert not cluster.memory.holds


def test_path_that_takes_over_to_release_and_goes_away_is_taken_over_from() -> None:
    cluster = held("a")
    cluster.leave("a")
    cluster.before["c REGISTER T>K"] = lambda: cluster.leave("b")
    assert cluster.guest(out(RELEASE, K, kind=WR)) == GOOD
    assert cluster.reservation is None
