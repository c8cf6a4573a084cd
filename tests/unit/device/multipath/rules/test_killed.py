"""The process is killed at any step of any sequence; the next one has the journal, and un-fences nobody."""

import contextlib
from collections.abc import Callable
from itertools import count

import pytest

from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import UNREG
from ...emulated.unit import ER, WR, move, out
from .cluster import K2, KO, OTHER, OURS, SOURCE, Cluster, CrashError, K

REGISTER, IGNORE, PREEMPT = OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY, OutAction.PREEMPT


def unregistered() -> Cluster:
    return Cluster(paths="abc")


def registered() -> Cluster:
    return Cluster(dict.fromkeys("abc", K), OURS["a"], WR, "abc")


def migrated() -> Cluster:
    return Cluster(dict.fromkeys("abc", K), SOURCE, WR, "abc", others={SOURCE: K})


def holder_away() -> Cluster:
    cluster = registered()
    cluster.leave("a")
    return cluster


SEQUENCES: dict[str, tuple[Callable[[], Cluster], Command, int]] = {
    "first registration": (unregistered, out(REGISTER, 0, K), 0),
    "first registration, ignoring": (unregistered, out(IGNORE, 0, K), 0),
    "change of key": (registered, out(REGISTER, K, K2), K),
    "change of key, ignoring": (registered, out(IGNORE, 0, K2), K),
    "unregistering": (registered, out(REGISTER, K, 0), 0),
    "unregistering, holder away": (holder_away, out(REGISTER, K, 0), 0),
    "change of a wrong key": (registered, out(REGISTER, KO, K2), K),
    "unregistering a wrong key": (registered, out(REGISTER, KO, 0), K),
    "moving with a wrong key": (registered, move(KO, K2, SOURCE.transport_id, flags=UNREG), K),
    "migration": (migrated, out(PREEMPT, K, K, kind=WR), K),
    "reserving, holder away": (holder_away, out(OutAction.RESERVE, K, kind=WR), K),
    "releasing, holder away": (holder_away, out(OutAction.RELEASE, K, kind=WR), K),
}


def steps_of(make: Callable[[], Cluster], command: Command) -> int:
    """How many steps a sequence has that a crash may come before."""
    cluster, steps = make(), count()

    def interfere(*_: object) -> None:
        next(steps)

    cluster.interfere = interfere
    cluster.guest(command)
    return next(steps)


def killed(make: Callable[[], Cluster], command: Command, at: int) -> Cluster:
    """A cluster whose process was killed before a step of the command's sequence."""
    cluster, step = make(), iter(range(at + 1))

    def interfere(*_: object) -> None:
        if next(step) == at:
            raise CrashError

    cluster.interfere = interfere
    with pytest.raises(CrashError):
        cluster.guest(command)
    cluster.interfere = lambda *_: None
    return cluster


EVERY_STEP = [
    pytest.param(make, command, key, at, id=f"{name}, step {at}")
    for name, (make, command, key) in SEQUENCES.items()
    for at in range(steps_of(make, command))
]


@pytest.mark.parametrize(("make", "command", "key", "at"), EVERY_STEP)
def test_killed_at_any_step_all_paths_are_in_step_again_after_the_restart(
    make: Callable[[], Cluster], command: Command, key: int, at: int
) -> None:
    cluster = killed(make, command, at)
    before_anything = cluster.sent == []
    cluster.restart()
    cluster.come_back()
    keys = {cluster.unit.key_of(nexus) for nexus in cluster.nexuses.values()}
    assert keys == {cluster.memory.key or None}
    assert keys <= {key or None, (command.keys or (0, 0))[1] or None} or before_anything


@pytest.mark.parametrize(("make", "command", "key", "at"), EVERY_STEP)
def test_fenced_before_the_restart_nobody_is_unfenced(
    make: Callable[[], Cluster],
    command: Command,
    key: int,  # noqa: ARG001
    at: int,
) -> None:
    cluster = killed(make, command, at)
    registered_in_between = {cluster.unit.key_of(nexus) for nexus in cluster.nexuses.values()}
    for victim in {K, K2} & registered_in_between:
        cluster.fence(victim)
    cluster.restart()
    cluster.come_back()
    assert cluster.keys() == ""


@pytest.mark.parametrize("at", range(20))
def test_repair_that_is_killed_itself_is_done_again(at: int) -> None:
    make, command, _ = SEQUENCES["migration"]
    steps = steps_of(make, command)
    cluster = killed(make, command, steps - 6)
    step = iter(range(at + 1))

    def interfere(*_: object) -> None:
        if next(step, 0) == at:
            raise CrashError

    cluster.interfere = interfere
    with contextlib.suppress(CrashError):
        cluster.restart()
    cluster.interfere = lambda *_: None
    cluster.restart()
    assert cluster.keys() == "a:K* b:K c:K"
    assert (cluster.journal, cluster.memory.key) == (Entry(K), K)


@pytest.mark.parametrize("at", range(20))
def test_moving_away_that_is_cut_off_has_left_with_every_path_or_with_none(at: int) -> None:
    command = move(K, K2, SOURCE.transport_id, flags=UNREG)
    cluster = killed(registered, command, min(at, steps_of(registered, command) - 1))
    cluster.restart()
    assert cluster.keys() in ("a:K* b:K c:K", "")


@pytest.mark.parametrize("side", ["before", "after"])
def test_path_that_was_to_go_on_is_unregistered_if_the_unit_was_cleared_before_the_take_over_was_cut_off(
    side: str,
) -> None:
    cluster = Cluster(dict.fromkeys("ab", K), OURS["a"], WR, others={OTHER: KO})
    cluster.after["b REGISTER K>T"] = lambda: cluster.leave("a")
    cluster.after["b READ FULL STATUS"] = lambda: cluster.by(OTHER, out(OutAction.CLEAR, KO))
    getattr(cluster, side)["b REGISTER 0>K"] = cluster.crash
    with contextlib.suppress(CrashError):
        cluster.guest(out(PREEMPT, K, K, kind=ER))
    cluster.restart()
    cluster.come_back()
    assert cluster.keys() == ""


def test_key_of_a_path_that_is_away_is_given_to_no_other_if_a_registration_with_it_was_cut_off() -> None:
    cluster = Cluster({"a": K}, paths="ab", ports_known=False)
    cluster.leave("a")
    cluster.has_written(Entry(0, stale=(K,)))  # it could not be taken back as the host was fenced
    cluster.memory = cluster.memory._replace(key=0, settled=frozenset("b"))
    cluster.before["b IGNORE 0>K"] = cluster.crash
    with contextlib.suppress(CrashError):
        cluster.guest(out(IGNORE, 0, K))
    cluster.restart()
    assert cluster.keys() == "a:K"
    cluster.come_back()
    assert cluster.keys() == ""
