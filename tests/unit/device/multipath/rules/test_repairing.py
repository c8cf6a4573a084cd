"""The process is killed at any step; the next one has the journal, and un-fences nobody."""

from collections.abc import Callable
from itertools import count

import pytest

from prhelper.device.multipath.rules.steps import Entry
from prhelper.scsi.reservation import Command, OutAction

from .....support.spc import UNREG
from ...emulated.unit import WR, move, out
from .cluster import K2, KO, OURS, SOURCE, Cluster, CrashError, K

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
    assert len(keys) == 1
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


@pytest.mark.parametrize("at", range(6))
def test_repair_that_is_killed_itself_is_done_again(at: int) -> None:
    make, command, _ = SEQUENCES["migration"]
    steps = steps_of(make, command)
    cluster = killed(make, command, steps - 6)
    step = iter(range(at + 1))

    def interfere(*_: object) -> None:
        if next(step) == at:
            raise CrashError

    cluster.interfere = interfere
    with pytest.raises(CrashError):
        cluster.restart()
    cluster.interfere = lambda *_: None
    cluster.restart()
    assert cluster.keys() == "a:K* b:K c:K"
    assert cluster.journal == Entry(K)


def test_path_with_the_temporary_key_is_unregistered_if_the_one_that_is_away_was_fenced() -> None:
    make, command, _ = SEQUENCES["migration"]
    cluster = make()
    cluster.before["a PREEMPT K K"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(command)
    cluster.leave("a")
    cluster.fence()
    cluster.restart()
    assert cluster.done == ["b REGISTER T>T", "c REGISTER T>T", "b REGISTER T>0", "c REGISTER T>0"]
    cluster.come_back()
    assert cluster.keys() == ""


def test_paths_with_the_temporary_key_are_restored_if_the_one_that_is_away_was_not_fenced() -> None:
    make, command, _ = SEQUENCES["migration"]
    cluster = make()
    cluster.before["a PREEMPT K K"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(command)
    cluster.leave("a")
    cluster.restart()
    cluster.come_back()
    assert cluster.keys() == "a:K b:K c:K"


def test_fencing_during_the_repair_wins() -> None:
    make, command, _ = SEQUENCES["migration"]
    cluster = make()
    cluster.before["a PREEMPT K K"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(command)
    cluster.before["c REGISTER T>K"] = cluster.fence
    cluster.restart()
    assert cluster.keys() == ""


@pytest.mark.parametrize("ports_known", [True, False])
def test_key_is_known_after_a_restart_and_who_holds_only_where_the_unit_tells(ports_known: bool) -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["b"], ports_known=ports_known)
    cluster.journal = Entry(K)
    cluster.restart()
    assert (cluster.memory.key, cluster.memory.holds) == (K, ports_known)


def test_key_is_known_after_a_restart_without_a_journal_where_the_unit_tells() -> None:
    cluster = Cluster({"a": K, "b": K}, SOURCE, others={SOURCE: K})
    cluster.restart()
    assert (cluster.memory.key, cluster.memory.holds) == (K, False)


def test_what_is_not_known_is_found_out_when_the_first_path_answers() -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["a"])
    cluster.leave("a", "b")
    cluster.restart()
    assert not cluster.memory.is_recalled
    cluster.come_back()
    assert (cluster.memory.is_recalled, cluster.memory.key, cluster.memory.holds) == (True, K, True)


def test_key_that_no_path_has_any_more_is_not_restored() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a")
    cluster.after["b REGISTER K>K2"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(out(REGISTER, K, K2))
    cluster.fence(K)
    cluster.restart()
    cluster.come_back()
    assert cluster.unit.key_of(OURS["b"]) == K2
    assert cluster.memory.key == K2


@pytest.mark.parametrize("at", range(20))
def test_moving_away_that_is_cut_off_has_left_with_every_path_or_with_none(at: int) -> None:
    command = move(K, K2, SOURCE.transport_id, flags=UNREG)
    cluster = killed(registered, command, min(at, steps_of(registered, command) - 1))
    cluster.restart()
    assert cluster.keys() in ("a:K* b:K c:K", "")


def test_keys_of_paths_that_are_away_are_still_known_after_a_crash() -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a")
    cluster.guest(out(REGISTER, K, K2))
    cluster.after["b REGISTER K2>O"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(out(REGISTER, K2, KO))
    cluster.restart()
    cluster.come_back()
    assert cluster.keys() == "a:O b:O"


def cut_off(*at: str) -> Cluster:
    """A migration that was cut off before a command."""
    make, command, _ = SEQUENCES["migration"]
    cluster = make()
    cluster.before.update(dict.fromkeys(at, cluster.crash))
    with pytest.raises(CrashError):
        cluster.guest(command)
    return cluster


def test_fencing_during_the_repair_of_a_path_that_is_away_wins() -> None:
    cluster = cut_off("a PREEMPT K K")
    cluster.leave("a")
    cluster.before["b REGISTER T>K"] = cluster.fence
    cluster.restart()
    assert cluster.keys() == ""


def test_temporary_key_of_a_path_that_is_away_is_not_taken_for_ours() -> None:
    cluster = cut_off("a PREEMPT K K")
    cluster.unit = cluster.unit.unregistered([OURS["c"]])  # it had been away
    cluster.leave("a", "b")
    cluster.fence()
    cluster.restart()
    assert (cluster.keys(), cluster.memory.key) == ("b:T", 0)
    cluster.come_back()
    assert cluster.keys() == ""


def test_new_key_of_a_path_that_is_away_is_not_taken_for_ours_if_another_was_fenced() -> None:
    cluster = Cluster({"a": K, "b": K}, paths="abc")
    cluster.leave("c")
    cluster.before["b REGISTER K>K2"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(out(REGISTER, K, K2))
    cluster.away = {"a"}
    cluster.fence()
    cluster.restart()
    assert (cluster.keys(), cluster.memory.key) == ("a:K2", 0)
    cluster.come_back()
    assert cluster.keys() == ""


def test_key_that_every_path_had_changed_to_is_ours_though_all_of_them_are_away() -> None:
    cluster = Cluster({"a": K, "b": K}, paths="abc")
    cluster.leave("c")
    cluster.after["b REGISTER K>K2"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(out(REGISTER, K, K2))
    cluster.away = {"a", "b"}
    cluster.restart()
    assert cluster.keys() == "a:K2 b:K2 c:K2"


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("new", [K, K2])
def test_fenced_guest_that_registers_anew_and_is_cut_off_is_registered_by_every_path_or_by_none(
    new: int, ports_known: bool
) -> None:
    cluster = Cluster({"a": K, "b": K}, ports_known=ports_known)
    cluster.journal = Entry(K)
    cluster.fence()
    cluster.after[f"a REGISTER 0>{'K' if new == K else 'K2'}"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(out(REGISTER, 0, new))
    cluster.restart()
    assert cluster.keys() == ("a:K b:K" if new == K else "")


def test_key_is_among_the_keys_until_the_last_path_with_the_temporary_one_has_left() -> None:
    cluster = holder_away()
    cluster.before["c REGISTER T>K"] = cluster.crash
    with pytest.raises(CrashError):
        cluster.guest(out(REGISTER, K, 0))
    found: list[bool] = []
    cluster.before["c REGISTER T>0"] = lambda: found.append(K in cluster.read_keys())
    cluster.restart()
    assert (found, cluster.keys()) == ([True], "")
