"""What the tests of the scheduler share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.scheduler.iothread import IOThreads
from prhelper.scheduler.resting import RestingSet

from ...support.helper import wait_until


@pytest.fixture
def threads() -> Iterator[IOThreads]:
    before = running()
    threads = IOThreads()
    threads.start()
    yield threads
    assert threads.stop(10)
    wait_until(lambda: running() <= before, what="the threads to end")


@pytest.fixture
def resting() -> Iterator[RestingSet]:
    resting = RestingSet()
    yield resting
    resting.close()


def running() -> set[str]:
    """The threads of this process, by the kernel's numbers."""
    return {task.name for task in Path("/proc/self/task").iterdir()}
