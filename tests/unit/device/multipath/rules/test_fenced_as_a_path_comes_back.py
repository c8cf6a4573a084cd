"""A fencer that comes as multipathd registers a path of ours: what it has given proves nothing."""

import contextlib

import pytest

from prhelper.scsi.reservation import OutAction

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import ER, out
from .cluster import KO, OTHER, SOURCE, Cluster, CrashError, K
from .holding import held
from .test_coming_back_meanwhile import MIGRATION, migrated, multipathd_registers


def test_fencer_wins_over_a_path_that_is_registered_again_at_once() -> None:
    cluster = migrated()
    cluster.before["a PREEMPT K K"] = multipathd_registers(cluster, "b")
    cluster.before["b REGISTER 0>K"] = cluster.fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize("at", ["c REGISTER K>T", "a PREEMPT K K", "b REGISTER T>K", "c REGISTER T>K"])
def test_fencing_wins_while_multipathd_registers_a_path(at: str) -> None:
    cluster = migrated()
    cluster.after["b REGISTER K>T"] = multipathd_registers(cluster, "b")
    cluster.before[at] = cluster.fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize("at", ["a PREEMPT K K", "b REGISTER T>K"])
def test_path_that_comes_back_to_a_host_that_was_fenced_stays_out(at: str) -> None:
    cluster = migrated(away="c")

    def fence() -> None:
        cluster.away.clear()
        cluster.fence()

    cluster.before[at] = fence
    assert cluster.guest(MIGRATION) == CONFLICT
    assert cluster.keys() == ""


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("leaves", [True, False])
def test_path_whose_key_changes_or_is_not_known_as_keys_are_counted_is_not_one_too_few(
    leaves: bool, ports_known: bool
) -> None:
    cluster = held("a", ports_known=ports_known)

    def come_back(path: str | None, _: object) -> None:
        if path is None:
            cluster.away.clear()

    def leave() -> None:  # with the temporary key, for a moment: the take-over does not know which key it has
        cluster.leave("c")
        cluster.interfere = come_back

    cluster.after["c REGISTER K>T"] = leave
    cluster.after["a PREEMPT K K"] = lambda: cluster.by(SOURCE, out(OutAction.REGISTER, 0, KO))
    cluster.before["c REGISTER K>K"] = leave if leaves else multipathd_registers(cluster, "c")
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == GOOD
    assert not cluster.before
    cluster.come_back()
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("leaves", [True, False])
def test_path_that_multipathd_registers_does_not_stand_in_for_the_one_that_was_fenced(
    leaves: bool, ports_known: bool
) -> None:
    cluster = held("a", ports_known=ports_known)

    def register_and_leave() -> None:
        multipathd_registers(cluster, "c")()
        cluster.leave("a")

    cluster.after["a PREEMPT K K"] = cluster.fence
    cluster.after["b REGISTER T>K"] = register_and_leave
    if leaves:
        cluster.before["c REGISTER K>K"] = lambda: cluster.leave("c")
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == CONFLICT
    cluster.come_back()
    assert cluster.keys() == ""


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_was_away_and_gets_a_key_does_not_stand_in_for_the_one_that_was_fenced(ports_known: bool) -> None:
    cluster = held("a", ports_known=ports_known)
    cluster.leave("c")
    cluster.look_after()

    def come_back_and_leave() -> None:
        cluster.away = {"a"}
        multipathd_registers(cluster, "c")()

    cluster.after["a PREEMPT K K"] = cluster.fence
    cluster.after["b REGISTER T>K"] = come_back_and_leave
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == CONFLICT
    cluster.come_back()
    assert cluster.keys() == ""


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_is_registered_for_one_that_is_being_settled_does_not_vouch_for_it(ports_known: bool) -> None:
    cluster = Cluster(dict.fromkeys("ab", K), paths="abcd", ports_known=ports_known, others={OTHER: KO})
    cluster.memory = cluster.memory._replace(settled=frozenset("ab"))
    cluster.leave("d")

    def come_back() -> None:
        cluster.away.clear()
        multipathd_registers(cluster, "d")()

    cluster.before["c REGISTER 0>K"] = cluster.fence
    cluster.after["c REGISTER 0>K"] = come_back
    cluster.look_after()
    assert (cluster.keys(), cluster.memory.key) == ("", 0)


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_gets_the_key_and_does_not_answer_does_not_stand_in_for_it(ports_known: bool) -> None:
    cluster = held("a", ports_known=ports_known)

    def lose_the_answer() -> None:  # after the unit attention
        cluster.after["c REGISTER T>K"] = lambda: cluster.leave("a", "c")

    cluster.after["a PREEMPT K K"] = cluster.fence
    cluster.after["c REGISTER T>K"] = lose_the_answer
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == CONFLICT
    assert cluster.keys() == "c:K"
    cluster.come_back()
    assert cluster.keys() == ""


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("side", ["before", "after"])
def test_two_paths_that_leave_are_not_one_too_few_if_nobody_came_in_between(side: str, ports_known: bool) -> None:
    cluster = held("a", ports_known=ports_known)

    def leave() -> None:
        getattr(cluster, side)["c REGISTER T>K"] = lambda: cluster.leave("a", "c")

    cluster.after["c REGISTER T>K"] = leave
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == GOOD
    cluster.come_back()
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_answers_and_leaves_as_keys_are_counted_is_taken_off_once(ports_known: bool) -> None:
    cluster = held("a", ports_known=ports_known)
    count = "b READ FULL STATUS" if ports_known else "b READ KEYS"

    def disturb_and_leave() -> None:  # nobody was fenced: the keeper is away with the key
        cluster.by(SOURCE, out(OutAction.REGISTER, 0, KO))
        cluster.leave("a")

    cluster.before["b REGISTER T>K"] = multipathd_registers(cluster, "b")
    cluster.after["c REGISTER T>K"] = disturb_and_leave
    cluster.after["b REGISTER K>K"] = lambda: cluster.before.update({count: lambda: cluster.leave("b")})
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == GOOD
    assert "b" in cluster.away
    cluster.come_back()
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("ports_known", [True, False])
def test_path_that_multipathd_registers_does_not_stand_in_for_it_after_a_crash(ports_known: bool) -> None:
    cluster = held("a", ports_known=ports_known)
    cluster.leave("c")
    cluster.before["b REGISTER T>K"] = cluster.fence
    cluster.after["b REGISTER T>K"] = lambda: cluster.after.update({"b REGISTER T>K": cluster.crash})
    with contextlib.suppress(CrashError):
        cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER))
    assert cluster.keys() == "b:K"
    cluster.away = {"a"}
    multipathd_registers(cluster, "c")()
    cluster.restart()
    cluster.come_back()
    assert cluster.keys() == ""
