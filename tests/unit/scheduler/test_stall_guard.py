"""The stall guard, look by look: when it has a leader deposed, and that it never sleeps through a stall.

The ticker and the clock are made up here, so that each look comes when a test says, and what other threads may do in
between is done just there.
"""

from collections.abc import Callable

import pytest

from prhelper.scheduler import stall_guard
from prhelper.scheduler.stall_guard import TICK, StallGuard, Term

MANY = 50


class AsleepError(Exception):
    """The guard would sleep for ever now."""


class Clock:
    """Takes the place of both the ticker and the time; `ahead` is done before each tick, `at_stop` when ticks stop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ticking = False
        self.ahead: Callable[[], None] = lambda: None
        self.at_stop: Callable[[], None] = lambda: None
        self.tick = TICK

    def monotonic(self) -> float:
        return self.now

    def start(self) -> None:
        self.ticking = True

    start_at_once = start

    def stop(self) -> None:
        self.ticking = False
        at_stop, self.at_stop = self.at_stop, lambda: None
        at_stop()

    def wait(self) -> None:
        if not self.ticking:
            raise AsleepError
        self.now += self.tick
        self.ahead()

    def close(self) -> None:
        pass


class Guarded:
    """A guard with its leader, and the terms that it had deposed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.term = Term()
        self.deposed: list[Term] = []
        self.guard = StallGuard(lambda: self.term, self._depose)

    def _depose(self) -> None:
        self.deposed.append(self.term)
        self.term = Term()

    def step(self) -> None:
        """The leader begins a step, and is inside from now on."""
        self.term.steps += 1
        self.term.inside = True
        self.guard.notice_work()

    def run(self, most: int = MANY, each: Callable[[], None] = lambda: None) -> bool:
        """Whether the guard fell asleep within so many looks, and was not stopped after; `each` is done before each."""

        def ahead() -> None:
            each()
            if self.guard.turns >= most:
                self.guard.stop()

        self.clock.ahead = ahead
        try:
            self.guard.run()
        except AsleepError:
            return True
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stall_guard, "time", clock)
    monkeypatch.setattr(stall_guard, "Ticker", lambda _: clock)
    return clock


@pytest.fixture
def guarded(clock: Clock) -> Guarded:
    return Guarded(clock)


def test_leader_that_stays_inside_one_step_is_deposed_once(guarded: Guarded) -> None:
    guarded.step()
    stalled = guarded.term
    guarded.run()
    assert guarded.deposed == [stalled]


def test_leader_that_goes_from_step_to_step_stays(guarded: Guarded) -> None:
    guarded.step()
    assert not guarded.run(each=guarded.step)
    assert guarded.deposed == []


def test_looks_that_follow_at_once_depose_nobody(guarded: Guarded, clock: Clock) -> None:
    clock.tick = 0.0
    guarded.step()
    guarded.run()
    assert guarded.deposed == []


def test_poke_in_the_middle_of_a_step_deposes_nobody(guarded: Guarded, clock: Clock) -> None:
    clock.tick = TICK / 4

    def each() -> None:
        guarded.guard.poke()
        if guarded.guard.turns % 3 == 0:
            guarded.step()

    guarded.step()
    assert not guarded.run(each=each)
    assert guarded.deposed == []


def test_guard_without_work_sleeps(guarded: Guarded, clock: Clock) -> None:
    guarded.guard.poke()
    assert guarded.run()
    assert not clock.ticking


def test_leader_that_is_not_inside_is_never_deposed(guarded: Guarded) -> None:
    guarded.step()
    guarded.term.inside = False
    assert guarded.run()
    assert guarded.deposed == []


def test_work_starts_the_ticks_of_a_guard_that_sleeps(guarded: Guarded, clock: Clock) -> None:
    guarded.guard.poke()
    assert guarded.run()
    guarded.step()
    assert clock.ticking
    guarded.run(most=2 * MANY)
    assert len(guarded.deposed) == 1


def test_step_that_begins_while_the_guard_falls_asleep_is_seen(guarded: Guarded, clock: Clock) -> None:
    clock.at_stop = guarded.step  # the guard is not marked as asleep yet, so the leader starts nothing
    guarded.guard.poke()
    guarded.run()
    assert len(guarded.deposed) == 1


def test_poke_while_the_guard_falls_asleep_makes_it_look_again(guarded: Guarded, clock: Clock) -> None:
    turns: list[int] = []

    def poke() -> None:
        turns.append(guarded.guard.turns)
        guarded.guard.poke()
        clock.ticking = False  # as if the poke had come just before the ticks stopped

    clock.at_stop = poke
    guarded.guard.poke()
    guarded.run()
    assert guarded.guard.turns > turns[0]


@pytest.mark.parametrize("poked", [True, False], ids=["as it is", "its poke forgotten by the turn that it came in"])
def test_stop_while_the_guard_falls_asleep_ends_it(guarded: Guarded, clock: Clock, poked: bool) -> None:
    def stop() -> None:
        guarded.guard.stop()
        guarded.guard._poked = poked
        clock.ticking = False

    clock.at_stop = stop
    guarded.guard.poke()
    assert not guarded.run()


def test_guard_falls_asleep_after_so_many_looks_without_work_and_no_sooner(guarded: Guarded) -> None:
    guarded.step()
    guarded.term.inside = False
    assert guarded.run()
    assert guarded.guard.turns == stall_guard._PARK_AFTER + 1


def test_work_leaves_the_ticks_of_a_guard_that_is_awake_alone(
    guarded: Guarded, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[None] = []
    monkeypatch.setattr(clock, "start", lambda: starts.append(None))
    guarded.step()
    guarded.step()
    assert len(starts) == 1
