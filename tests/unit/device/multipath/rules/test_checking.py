"""Registrations that others have removed, by means that sysfs does not tell of."""

import pytest

from prhelper.device.multipath import rules
from prhelper.device.multipath.rules.steps import Entry, Told
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.status import Status

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import WR, out
from .cluster import K2, KO, NO_PATH, OTHER, OURS, SOURCE, Cluster, Interference, K

REGISTER, PREEMPT = OutAction.REGISTER, OutAction.PREEMPT


def unregister(cluster: Cluster, *paths: str) -> None:
    """What multipathd does to a path that comes back, from 0.13, if its key was unset."""
    for path in paths:
        assert cluster.by(OURS[path], out(REGISTER, cluster.unit.key_of(OURS[path]) or 0, 0)) == GOOD


def is_as_left(cluster: Cluster) -> bool:
    return rules.carry_out(rules.is_as_left(cluster.memory, cluster.paths()), cluster.step)


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("paths", ["a", "ac"])
def test_registration_that_arrives_after_the_host_was_fenced_vouches_for_nothing(paths: str, ports_known: bool) -> None:
    """With one path, the unit has as many keys as before."""
    cluster = Cluster(dict.fromkeys(paths, K), paths=f"{paths}b", ports_known=ports_known, others={OTHER: KO})
    cluster.memory = cluster.memory._replace(settled=frozenset(paths))
    cluster.before["b REGISTER 0>K"] = lambda: cluster.leave("b")
    cluster.look_after()
    cluster.fence()
    assert cluster.by(OURS["b"], out(REGISTER, 0, K)) == GOOD
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == CONFLICT
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_was_unregistered_is_registered_again(ports_known: bool) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["a"], paths="abc", ports_known=ports_known)
    assert is_as_left(cluster)
    unregister(cluster, "b", "c")
    assert not is_as_left(cluster)
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.holds) == ("a:K* b:K c:K", True)
    assert is_as_left(cluster)


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("away", ["", "c"])
def test_host_that_was_fenced_stays_out_and_knows(ports_known: bool, away: str) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["a"], paths="abc", ports_known=ports_known)
    cluster.leave(*away)
    cluster.fence()
    assert not is_as_left(cluster)
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.key, cluster.memory.holds) == ("", 0, False)
    cluster.come_back()
    assert (cluster.keys(), cluster.journal) == ("", None)


def test_path_that_multipathd_registered_as_the_host_was_fenced_is_unregistered() -> None:
    cluster = Cluster(dict.fromkeys("ab", K))
    cluster.leave("a")
    cluster.look_after()
    cluster.fence()
    cluster.by(OURS["a"], out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K))
    cluster.come_back()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize("ports_known", [True, False])
def test_key_of_another_host_is_no_proof_where_all_paths_have_lost_it(ports_known: bool) -> None:
    """As where a virtual machine has migrated to it."""
    cluster = Cluster(dict.fromkeys("ab", K), OURS["a"], others={SOURCE: K}, ports_known=ports_known)
    cluster.by(SOURCE, out(PREEMPT, K, K, kind=WR))
    cluster.by(SOURCE, out(REGISTER, 0, K))
    assert not is_as_left(cluster)
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize(("ports_known", "keys"), [(True, "a:K b:K c:K"), (False, "c:K")])
def test_key_of_a_path_that_is_away_proves_something_where_it_is_known_to_be_ours(ports_known: bool, keys: str) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), paths="abc", ports_known=ports_known)
    cluster.leave("c")
    unregister(cluster, "a", "b")
    cluster.look_after()
    assert cluster.keys() == keys
    cluster.come_back()
    assert cluster.keys() == (keys if ports_known else "")


def test_fencing_while_a_path_is_registered_again_wins() -> None:
    for at in ("a REGISTER K>K", "b REGISTER K>K", "b REGISTER 0>K"):
        cluster = Cluster(dict.fromkeys("ab", K))
        unregister(cluster, "b")
        cluster.before[at] = cluster.fence
        cluster.look_after()
        assert cluster.keys() == "", at


def test_guest_s_command_is_preceded_by_it() -> None:
    cluster = Cluster(dict.fromkeys("ab", K))
    unregister(cluster, "b")
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.keys() == "a:K2 b:K2"


def test_holder_that_was_unregistered_has_lost_the_reservation() -> None:
    cluster = Cluster(dict.fromkeys("ab", K), OURS["a"], ports_known=False)
    unregister(cluster, "a")
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.holds) == ("a:K b:K", False)


def test_multipathd_is_asked_and_told_once_more() -> None:
    cluster = Cluster()
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    unregister(cluster, "b")
    cluster.reply = lambda request: "unset" if request.verb == "getprstatus" else "ok"
    cluster.look_after()
    assert cluster.requests == ["getprstatus", f"setprkey key {K:#x}", "setprstatus"]


def test_other_host_that_comes_or_goes_changes_nothing() -> None:
    cluster = Cluster(dict.fromkeys("ab", K))
    cluster.by(OTHER, out(REGISTER, 0, KO))
    assert is_as_left(cluster)
    cluster.by(SOURCE, out(REGISTER, 0, K))
    assert is_as_left(cluster)


@pytest.mark.parametrize("ports_known", [True, False])
def test_where_there_is_nothing_to_compare_everything_is_as_left(ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, ports_known=ports_known)
    cluster.leave("a", "b")
    assert is_as_left(cluster)
    cluster.away.clear()
    cluster.interfere = _answering({InAction.READ_KEYS: Outcome(Status.RESERVATION_CONFLICT)})
    cluster.ports_known = False
    assert is_as_left(cluster)
    assert is_as_left(Cluster(ports_known=ports_known))


def test_what_the_unit_does_not_tell_is_no_fencing() -> None:
    cluster = Cluster({"a": K, "b": K}, ports_known=False)
    cluster.interfere = _answering({InAction.READ_KEYS: Outcome(Status.RESERVATION_CONFLICT)})
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    assert (cluster.memory.key, cluster.memory.registered) == (K, 2)


@pytest.mark.parametrize("action", [InAction.READ_KEYS, InAction.READ_RESERVATION])
def test_path_whose_data_contradict_themselves_is_done_without(action: InAction) -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["b"], ports_known=False)
    cluster.interfere = _answering({action: Outcome(Status.GOOD, data=b"\0\0\0\1\0\0\0\7")}, "a")
    assert cluster.guest(out(OutAction.RELEASE, K, kind=WR)) == GOOD
    assert (cluster.keys(), cluster.memory.settled) == ("a:K b:K", frozenset("b"))
    cluster.interfere = _answering({action: Outcome(Status.GOOD, data=b"\0\0\0\1\0\0\0\7")})
    assert cluster.guest(out(OutAction.RELEASE, K, kind=WR)) == NO_PATH


def test_aptpl_that_the_unit_does_not_tell_of_is_as_it_was() -> None:
    cluster = Cluster()
    assert cluster.guest(out(REGISTER, 0, K, flags=1)) == GOOD
    cluster.interfere = _answering({InAction.REPORT_CAPABILITIES: Outcome(Status.GOOD, data=b"\0\1")})
    cluster.memory = cluster.memory._replace(settled=frozenset("a"))
    cluster.look_after()
    assert cluster.unit.aptpl


def test_path_without_the_key_waits_until_the_unit_tells_who_has_it() -> None:
    cluster = Cluster({"a": K}, ports_known=False)
    cluster.memory = cluster.memory._replace(settled=frozenset())
    cluster.interfere = _answering({InAction.READ_KEYS: check_condition(sense.INVALID_OPCODE)})
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.settled) == ("a:K", frozenset("a"))
    cluster.interfere = lambda *_: None
    cluster.look_after()
    assert cluster.keys() == "a:K b:K"


def test_repair_waits_until_the_unit_tells_who_has_the_key() -> None:
    cluster = Cluster({"a": K, "b": K}, ports_known=False)
    cluster.has_written(Entry(K, (K2,), K2, had=("a", "b")))
    cluster.interfere = _answering({InAction.READ_KEYS: Outcome(Status.RESERVATION_CONFLICT)})
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == NO_PATH
    assert cluster.guest(out(PREEMPT, K, 0, kind=WR)) == NO_PATH
    cluster.interfere = lambda *_: None
    assert cluster.guest(out(OutAction.RESERVE, KO, kind=WR)) == CONFLICT
    assert cluster.keys() == "a:K b:K"


def _answering(instead: dict[InAction, Outcome], path: str = "ab") -> Interference:
    def interfere(by: str | None, command: Command | None) -> Outcome | None:
        if by is None or by not in path or command is None or command.is_out:
            return None
        return instead.get(InAction(command.service_action))

    return interfere


@pytest.mark.parametrize("away", ["", "c"])
def test_key_that_multipathd_gives_to_a_path_though_it_was_told_to_forget_it_is_taken_back(away: str) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), paths="abc")
    cluster.memory = cluster.memory._replace(told=Told(K, is_set=True))
    cluster.leave(*away)
    cluster.reply = lambda request: "fail" if request.verb == "unsetprkey" else "ok"
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    assert cluster.by(OURS["b"], out(REGISTER, 0, K)) == GOOD  # it was away for less than the watcher's second
    cluster.come_back()
    assert cluster.keys() == ""
    cluster.reply = lambda _: "ok"
    cluster.look_after()
    assert (cluster.memory.told, cluster.memory.entry) == (Told(), None)
    cluster.look_after()
    assert cluster.sent == []
