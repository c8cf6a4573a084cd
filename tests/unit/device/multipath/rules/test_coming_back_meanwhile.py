"""A path comes back in the midst of a take-over, perhaps registered by multipathd: it must not lose its key."""

from collections.abc import Callable
from itertools import count, product

import pytest

from prhelper.device.multipath.rules.taking_over import MAX_ROUNDS
from prhelper.scsi.reservation import Command, OutAction, ReservationType

from .....support.spc import CONFLICT, GOOD
from ...emulated.unit import ER, WA, WR, out
from .cluster import OURS, SOURCE, Cluster, K, T

MIGRATION = out(OutAction.PREEMPT, K, K, kind=WR)


def migrated(away: str = "") -> Cluster:
    """The source of the migration holds the reservation, with our key."""
    cluster = Cluster(dict.fromkeys("abc", K), SOURCE, WR, "abc", others={SOURCE: K})
    cluster.leave(*away)
    return cluster


def multipathd_registers(cluster: Cluster, path: str) -> Callable[[], None]:
    """As it does with a path that has come back, whatever key that has."""

    def register() -> None:
        assert cluster.by(OURS[path], out(OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, 0, K)) == GOOD

    return register


def never_unregistered(cluster: Cluster, paths: str) -> None:
    """Fail at the command after which one of the paths has no key."""

    def look(_: str | None, command: Command | None) -> None:
        assert None not in [cluster.unit.key_of(OURS[path]) for path in paths], command

    cluster.interfere = look


@pytest.mark.parametrize("at", ["a REGISTER K>K", "b REGISTER K>T"])
@pytest.mark.parametrize("registered", [False, True])
def test_path_that_comes_back_before_the_preempt_keeps_a_key(at: str, registered: bool) -> None:
    cluster = migrated(away="c")

    def come_back() -> None:
        cluster.away.clear()
        if registered:
            multipathd_registers(cluster, "c")()

    cluster.before[at] = come_back
    never_unregistered(cluster, "c")
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.memory.settled) == ("a:K* b:K c:K", frozenset("abc"))


@pytest.mark.parametrize("at", ["a REGISTER K>K", "b REGISTER K>T"])
def test_holder_that_comes_back_before_the_preempt_takes_over_from_the_path_that_was_to(at: str) -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["c"], WR, "abc")
    cluster.leave("c")
    cluster.before[at] = cluster.away.clear
    never_unregistered(cluster, "abc")
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.memory.settled) == ("a:K b:K c:K*", frozenset("abc"))


def test_path_that_was_to_hold_is_set_aside_where_the_holder_comes_back_in_the_last_round() -> None:
    cluster = Cluster(dict.fromkeys("abc", K), OURS["a"], WR, "abc")
    cluster.leave("a")
    rounds = count(1)

    def multipathd_registers_or_the_holder_comes_back() -> None:
        if next(rounds) == MAX_ROUNDS:
            cluster.away.clear()
            return
        cluster.after["c REGISTER K>T"] = multipathd_registers_or_the_holder_comes_back
        multipathd_registers(cluster, "c")()

    cluster.after["c REGISTER K>T"] = multipathd_registers_or_the_holder_comes_back
    never_unregistered(cluster, "abc")
    assert cluster.guest(MIGRATION) == GOOD
    assert "b REGISTER K>T" in cluster.done
    assert cluster.keys() == "a:K* b:K c:K"


@pytest.mark.parametrize("at", ["a PREEMPT K K", "b REGISTER T>K"])
def test_path_that_comes_back_too_late_is_registered_before_the_guest_has_its_answer(at: str) -> None:
    cluster = migrated(away="c")
    cluster.before[at] = cluster.away.clear
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.memory.settled) == ("a:K* b:K c:K", frozenset("abc"))


@pytest.mark.parametrize("when", ["after b REGISTER K>T", "before b REGISTER T>K", "after b REGISTER T>K"])
def test_path_to_which_multipathd_gives_the_key_in_place_of_the_temporary_one_keeps_a_key(when: str) -> None:
    cluster = migrated()
    side, _, at = when.partition(" ")
    getattr(cluster, side)[at] = multipathd_registers(cluster, "b")
    never_unregistered(cluster, "b")
    assert cluster.guest(MIGRATION) == GOOD
    assert cluster.keys() == "a:K* b:K c:K"


def test_multipathd_that_is_faster_each_time_does_not_hold_the_take_over_up() -> None:
    cluster = migrated()

    def interfere(path: str | None, command: Command | None) -> None:
        if (path, command is not None and command.is_out) == ("c", True) and cluster.unit.key_of(OURS["b"]) == T:
            multipathd_registers(cluster, "b")()

    cluster.interfere = interfere
    assert cluster.guest(MIGRATION) == GOOD
    assert cluster.keys() == "a:K* b:K c:K"
    preempted = cluster.sent.index("a PREEMPT K K")
    assert "b REGISTER 0>K" in cluster.sent[preempted + 1 :]


@pytest.mark.parametrize("at", ["c REGISTER K>T", "c REGISTER T>K"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_path_that_fails_and_comes_back_is_in_step_before_the_guest_has_its_answer(at: str, side: str) -> None:
    cluster = migrated()
    getattr(cluster, side)[at] = lambda: cluster.leave("c")

    def come_back(path: str | None, _: object) -> None:
        if path == "a":
            cluster.away.clear()

    cluster.interfere = come_back
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.memory.settled) == ("a:K* b:K c:K", frozenset("abc"))


def test_path_to_which_multipathd_gives_the_key_right_before_the_preempt_is_registered_again_at_once() -> None:
    cluster = migrated()
    cluster.before["a PREEMPT K K"] = multipathd_registers(cluster, "b")
    assert cluster.guest(MIGRATION) == GOOD
    assert (cluster.keys(), cluster.memory.settled) == ("a:K* b:K c:K", frozenset("abc"))
    preempted, registered = cluster.sent.index("a PREEMPT K K"), cluster.sent.index("b REGISTER 0>K")
    assert cluster.sent[preempted + 1 : registered] == [
        "b REGISTER T>K: 06/2A/05",
        "c REGISTER T>K",
        "b REGISTER T>K: RESERVATION CONFLICT",
    ]


def first_path_is_lost(cluster: Cluster) -> Callable[[], None]:
    """What happens at once: a goes away, and multipathd gives the key to b."""

    def lose_it() -> None:
        cluster.leave("a")
        multipathd_registers(cluster, "b")()

    return lose_it


def test_path_to_which_multipathd_gives_the_key_goes_on_where_the_one_that_was_to_hold_is_away() -> None:
    cluster = migrated()
    cluster.after["a PREEMPT K K"] = first_path_is_lost(cluster)
    assert cluster.guest(MIGRATION) == GOOD
    cluster.come_back()
    assert cluster.keys() == "a:K b:K* c:K"


def test_path_that_goes_away_as_it_is_asked_which_key_it_has_was_not_fenced() -> None:
    cluster = migrated()
    cluster.after["a PREEMPT K K"] = first_path_is_lost(cluster)
    cluster.after["b REGISTER T>K"] = lambda: cluster.before.update({"b REGISTER K>K": lambda: cluster.leave("b")})
    assert cluster.guest(MIGRATION) == GOOD
    cluster.come_back()
    assert cluster.keys() == "a:K b:K c:K*"


def lost_to_a_preempt_without_an_answer(paths: str, ports_known: bool) -> Cluster:
    """multipathd gives the second path the key, our PREEMPT takes that away, and the path that has sent it is away."""
    cluster = Cluster(dict.fromkeys(paths, K), OURS["a"], WR, paths, ports_known)
    cluster.before["a PREEMPT K K"] = multipathd_registers(cluster, "b")
    cluster.after["a PREEMPT K K"] = lambda: cluster.leave("a")
    return cluster


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize(("paths", "keys"), [("ab", "a:K b:K*"), ("abc", "a:K b:K* c:K")])
def test_path_that_has_lost_the_key_to_the_preempt_was_not_fenced_while_the_one_that_sent_it_has_it(
    paths: str, keys: str, ports_known: bool
) -> None:
    cluster = lost_to_a_preempt_without_an_answer(paths, ports_known)
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == GOOD
    cluster.come_back()
    assert cluster.keys() == keys


STEPS = [*(f"b REGISTER {old}>K" for old in "TK0"), "c REGISTER T>K"]
"""Of the paths that go on; where all registrants hold since the PREEMPT, there is no other."""


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize(("at", "kind"), [*product(STEPS, [ER, WA]), ("b PREEMPT K K", ER)])
def test_fencer_wins_over_a_path_that_goes_on_where_the_preempt_got_no_answer(
    at: str, ports_known: bool, kind: ReservationType
) -> None:
    cluster = lost_to_a_preempt_without_an_answer("abc", ports_known)
    cluster.before[at] = cluster.fence
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=kind)) == CONFLICT
    assert at not in cluster.before  # it has happened
    cluster.come_back()
    assert cluster.keys() == ""
