"""The threads that sessions run in, by themselves."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from prhelper.scheduler.thread_pool import NoThreadError, ThreadPool

from ...support.helper import wait_until

LONG = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool()
    pool.fill_reserve()
    wait_until(lambda: pool.has_reserve, what="a thread in reserve")
    yield pool
    assert pool.stop(LONG)


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system gives no further thread."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)


def test_each_job_runs_at_once_whatever_the_others_do(pool: ThreadPool) -> None:
    everybody = threading.Barrier(33)

    def job() -> None:
        everybody.wait(LONG)

    for _ in range(32):
        pool.run(job)
    everybody.wait(LONG)


def test_thread_that_is_done_takes_the_next_job(pool: ThreadPool) -> None:
    threads: list[int] = []
    for _ in range(20):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            threads.append(threading.get_ident())
            done.set()

        pool.run(job)
        assert done.wait(LONG)
        wait_until(lambda: pool._idle, what="the thread to be idle")
    assert len(set(threads)) == 1


def test_job_that_raises_is_told_to_the_hook_of_all_threads(pool: ThreadPool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[threading.ExceptHookArgs] = []
    heard = threading.Event()

    def hook(arguments: threading.ExceptHookArgs) -> None:
        told.append(arguments)
        heard.set()

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", hook)
    pool.run(fail)
    assert heard.wait(LONG)
    assert pool.stop(LONG)
    assert [arguments.exc_type for arguments in told] == [ZeroDivisionError]


def test_stop_waits_for_the_thread_that_is_busy_and_no_longer_than_it_may(pool: ThreadPool) -> None:
    release = threading.Event()

    def job() -> None:
        release.wait(LONG)

    pool.run(job)
    assert not pool.stop(0.01)
    release.set()
    assert pool.stop(LONG)


@pytest.mark.usefixtures("pool", "no_more_threads")
def test_the_thread_in_reserve_runs_the_one_job_that_must_not_wait_when_no_other_can_be_had(pool: ThreadPool) -> None:
    done = threading.Event()
    with pytest.raises(NoThreadError, match="TasksMax"):
        pool.run(done.set)
    pool.run_from_reserve(done.set)
    assert done.wait(LONG)
    wait_until(lambda: pool.has_reserve, what="the thread to be in reserve again")


@pytest.mark.usefixtures("pool", "no_more_threads")
def test_a_reserve_that_is_at_work_cannot_be_had_twice(pool: ThreadPool) -> None:
    release = threading.Event()

    def wait() -> None:
        release.wait(LONG)

    pool.run_from_reserve(wait)
    assert not pool.has_reserve
    with pytest.raises(NoThreadError):
        pool.run_from_reserve(release.set)
    release.set()


def test_an_idle_thread_that_is_chosen_at_the_last_moment_does_its_job(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Inbox(queue.SimpleQueue[Any]):
        """Empty to one who waits for a while, whatever comes in that time."""

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            job = super().get(block)
            if timeout is None:
                return job
            self.put(job)
            raise queue.Empty

    monkeypatch.setattr(queue, "SimpleQueue", Inbox)
    first, second = threading.Event(), threading.Event()
    pool.run(first.set)
    wait_until(lambda: pool._idle, what="an idle thread")
    pool.run(second.set)
    assert first.is_set()
    assert second.wait(10)


def test_a_pool_without_a_reserve_stops_too() -> None:
    assert ThreadPool().stop(0)


def test_a_thread_that_was_busy_when_the_pool_stopped_ends_after_its_job() -> None:
    pool = ThreadPool()
    entered, release = threading.Event(), threading.Event()

    def job() -> None:
        entered.set()
        release.wait(LONG)

    pool.run(job)
    assert entered.wait(LONG)
    later = threading.Timer(0.05, release.set)
    later.start()
    assert pool.stop(LONG / 2)
    later.join()
