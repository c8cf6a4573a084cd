"""What can go wrong around a helper, done to it on purpose. Whatever happens, it must serve the next client and keep
nothing of the last.

A test that needs options starts a helper of its own (`start`); the others of a module share one (`bench`). Either way,
at the end nothing may be left: no descriptor, and where a helper was shared, no thread.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bench import Bench

Start = Callable[..., Bench]


@pytest.fixture(scope="module")
def shared_bench(fake_device_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(fake_device_library, tmp_path_factory.mktemp("bench"))
    try:
        yield bench
        bench.helper.wait_for_idle_threads(bench.rest)
    finally:
        bench.close()


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """A helper with the default options; serving, and at rest, after each test."""
    yield shared_bench
    shared_bench.check_health()
    shared_bench.check_nothing_is_left()


@pytest.fixture
def start(fake_device_library: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a helper with the options given; if it still runs after the test, nothing may be left in it."""
    benches: list[Bench] = []

    def start(*options: str) -> Bench:
        directory = tmp_path / str(len(benches))
        directory.mkdir()
        benches.append(Bench(fake_device_library, directory, options))
        return benches[-1]

    try:
        yield start
        for bench in benches:
            if bench.helper.process.poll() is None:
                bench.check_nothing_is_left()
    finally:
        for bench in benches:
            bench.close()
