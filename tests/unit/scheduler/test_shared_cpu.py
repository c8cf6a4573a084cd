"""Burst threads on one processor: only while there are more than a few, and as free afterwards as before."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from prhelper.scheduler.shared_cpu import KEPT, MAX_UNPINNED, PinnedBurst, SharedCpu

from ...support.helper import wait_until


@pytest.fixture
def allowed() -> Iterator[set[int]]:
    """What this thread may run on; given back to it, whatever a test does."""
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


@pytest.fixture
def shared() -> Iterator[SharedCpu]:
    """With one burst less than may stay where they are; the tests bring the others."""
    shared = SharedCpu()
    shared.choose()
    with ExitStack() as bursts:
        few = {bursts.enter_context(PinnedBurst(shared)) for _ in range(MAX_UNPINNED - 1)}
        yield shared
        assert shared.bursts == few


@pytest.fixture
def crowded() -> Iterator[SharedCpu]:
    """With as many bursts, in threads of their own, as make the next one move."""
    shared, leave = SharedCpu(), threading.Event()
    shared.choose()
    threads = [in_another_thread(leave, shared, []) for _ in range(MAX_UNPINNED)]
    wait_until(lambda: len(shared.bursts) == MAX_UNPINNED, what="the others")
    yield shared
    leave.set()
    for thread in threads:
        thread.join()


def in_another_thread(work: threading.Event, shared: SharedCpu, seen: list[set[int]]) -> threading.Thread:
    def burst() -> None:
        with PinnedBurst(shared):
            seen.append(os.sched_getaffinity(0))
            work.wait(20)
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=burst)
    thread.start()
    return thread


def test_more_than_a_few_are_on_the_one_that_was_chosen_and_free_again_when_they_leave(
    shared: SharedCpu, allowed: set[int]
) -> None:
    seen: list[set[int]] = []
    done = threading.Event()
    with PinnedBurst(shared) as burst:
        assert os.sched_getaffinity(0) == allowed
        other = in_another_thread(done, shared, seen)
        wait_until(lambda: seen, what="one too many")
        assert burst.may_stay()
        assert os.sched_getaffinity(0) == {shared.cpu}
        done.set()
        other.join()
        assert seen == [{shared.cpu}, allowed]
    assert os.sched_getaffinity(0) == allowed


def test_a_few_stay_free(shared: SharedCpu, allowed: set[int]) -> None:
    with PinnedBurst(shared) as burst:
        assert burst.may_stay()
        assert os.sched_getaffinity(0) == allowed


def test_they_follow_when_another_is_chosen(crowded: SharedCpu, allowed: set[int]) -> None:
    with PinnedBurst(crowded) as burst:
        for cpu in sorted(allowed):
            crowded.cpu = cpu
            burst.may_stay()
            assert os.sched_getaffinity(0) == {cpu}
    assert os.sched_getaffinity(0) == allowed


@pytest.fixture
def two(allowed: set[int]) -> tuple[int, int]:
    """Two processors of this thread's."""
    if len(allowed) < 2:
        pytest.skip("needs two processors")
    first, second, *_ = sorted(allowed)
    return first, second


def test_a_mask_that_is_set_during_a_burst_stays(crowded: SharedCpu, two: tuple[int, int]) -> None:
    crowded.cpu, given = two
    with PinnedBurst(crowded) as burst:
        assert os.sched_getaffinity(0) == {crowded.cpu}
        os.sched_setaffinity(0, {given})
        burst.may_stay()
        assert os.sched_getaffinity(0) == {given}
    assert os.sched_getaffinity(0) == {given}


def test_a_mask_that_is_set_during_a_burst_stays_when_another_processor_is_chosen(
    crowded: SharedCpu, two: tuple[int, int]
) -> None:
    given, crowded.cpu = two
    with PinnedBurst(crowded) as burst:
        os.sched_setaffinity(0, {given})
        for crowded.cpu in (*two, *two):
            burst.may_stay()
            assert os.sched_getaffinity(0) == {given}
    assert os.sched_getaffinity(0) == {given}


def test_a_mask_without_the_chosen_processor_keeps_the_thread_away_from_it(
    crowded: SharedCpu, two: tuple[int, int]
) -> None:
    given, crowded.cpu = two
    os.sched_setaffinity(0, {given})
    with PinnedBurst(crowded) as burst:
        burst.may_stay()
        assert os.sched_getaffinity(0) == {given}


def test_the_choice_is_where_the_leader_is_and_kept_for_a_while(
    shared: SharedCpu, allowed: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    first = shared.cpu
    assert first in allowed
    for cpu in sorted(allowed):
        os.sched_setaffinity(0, {cpu})
        shared.choose()
        assert shared.cpu == first
    for cpu in sorted(allowed):
        now += KEPT
        os.sched_setaffinity(0, {cpu})
        shared.choose()
        assert shared.cpu == cpu


def test_nobody_stays_for_ever(shared: SharedCpu, monkeypatch: pytest.MonkeyPatch) -> None:
    with PinnedBurst(shared) as burst:
        assert burst.may_stay()
        over = time.monotonic() + KEPT
        monkeypatch.setattr(time, "monotonic", lambda: over)
        assert not burst.may_stay()


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_a_kernel_that_refuses_changes_nothing(
    shared: SharedCpu, allowed: set[int], error: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched, ExitStack() as bursts:
        patched.setattr(os, "sched_setaffinity", refuse)
        several = [bursts.enter_context(PinnedBurst(shared)) for _ in range(3)]
        assert all(burst.may_stay() for burst in several)
    assert os.sched_getaffinity(0) == allowed


def test_a_kernel_that_does_not_name_the_processor_moves_no_thread(
    allowed: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden() -> int:
        raise PermissionError

    monkeypatch.setattr("prhelper.scheduler.shared_cpu.sched_getcpu", forbidden)
    shared = SharedCpu()
    shared.choose()
    with ExitStack() as bursts:
        for _ in range(MAX_UNPINNED + 1):
            bursts.enter_context(PinnedBurst(shared))
        assert os.sched_getaffinity(0) == allowed


def test_leaving_by_an_error_leaves_too(shared: SharedCpu, allowed: set[int]) -> None:
    def fail() -> None:
        with PinnedBurst(shared), PinnedBurst(shared) as burst:
            burst.may_stay()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert os.sched_getaffinity(0) == allowed


def test_a_few_are_not_moved_though_a_processor_was_chosen(
    shared: SharedCpu, allowed: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: pytest.fail("it was moved"))
    assert shared.cpu in allowed
    with PinnedBurst(shared) as burst:
        assert burst.may_stay()
