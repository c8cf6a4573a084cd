"""The threads that sessions run in, by themselves."""

import threading
from collections.abc import Iterator

import pytest

from prhelper.workers import Workers

from .support.helper import wait_until

LONG = 10.0


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    assert workers.stop(LONG)


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
