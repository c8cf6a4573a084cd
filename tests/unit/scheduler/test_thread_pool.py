"""The threads that sessions run in, by themselves."""

import threading
from collections.abc import Iterator

import pytest

from prhelper.scheduler.thread_pool import NoThreadError, Workers

from ...support.helper import wait_until

LONG = 10.0


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    workers.fill_reserve()
    wait_until(lambda: workers.has_reserve, what="a thread in reserve")
    yield workers
    assert workers.stop(LONG)


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system gives no further thread."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)


def test_each_job_runs_at_once_whatever_the_others_do(workers: Workers) -> None:
    everybody = threading.Barrier(33)

    def job() -> None:
        everybody.wait(LONG)

    for _ in range(32):
        workers.run(job)
    everybody.wait(LONG)


def test_thread_that_is_done_takes_the_next_job(workers: Workers) -> None:
    threads: list[int] = []
    for _ in range(20):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            threads.append(threading.get_ident())
            done.set()

        workers.run(job)
        assert done.wait(LONG)
        wait_until(lambda: workers._idle, what="the thread to be idle")
    assert len(set(threads)) == 1


def test_job_that_raises_is_told_to_the_hook_of_all_threads(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[threading.ExceptHookArgs] = []
    heard = threading.Event()

    def hook(arguments: threading.ExceptHookArgs) -> None:
        told.append(arguments)
        heard.set()

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", hook)
    workers.run(fail)
    assert heard.wait(LONG)
    assert workers.stop(LONG)
    assert [arguments.exc_type for arguments in told] == [ZeroDivisionError]


def test_stop_waits_for_the_thread_that_is_busy_and_no_longer_than_it_may(workers: Workers) -> None:
    release = threading.Event()

    def job() -> None:
        release.wait(LONG)

    workers.run(job)
    assert not workers.stop(0.01)
    release.set()
    assert workers.stop(LONG)


@pytest.mark.usefixtures("workers", "no_more_threads")
def test_the_thread_in_reserve_runs_the_one_job_that_must_not_wait_when_no_other_can_be_had(workers: Workers) -> None:
    done = threading.Event()
    with pytest.raises(NoThreadError, match="TasksMax"):
        workers.run(done.set)
    workers.run_from_reserve(done.set)
    assert done.wait(LONG)
    wait_until(lambda: workers.has_reserve, what="the thread to be in reserve again")


@pytest.mark.usefixtures("workers", "no_more_threads")
def test_a_reserve_that_is_at_work_cannot_be_had_twice(workers: Workers) -> None:
    release = threading.Event()

    def wait() -> None:
        release.wait(LONG)

    workers.run_from_reserve(wait)
    assert not workers.has_reserve
    with pytest.raises(NoThreadError):
        workers.run_from_reserve(release.set)
    release.set()
