"""A daemon that is not root, with a multipath worker, and what each of them may leave behind: nothing."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bench import Daemon


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory that the daemon's user may pass through, unlike pytest's own."""
    if os.geteuid():
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="prhelper-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def start(fake_device_library: Path, directory: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts the daemon; at the end of the test nothing may be left in it."""
    started: list[Daemon] = []

    def start(worker: Path, *options: str, greeting: float = 20.0) -> Daemon:
        started.append(Daemon(fake_device_library, directory, worker, greeting, *options))
        return started[0]

    try:
        yield start
        for daemon in started:
            daemon.helper.wait_for_rest(daemon.rest)
    finally:
        for daemon in started:
            print(daemon.helper.output())
            daemon.close()
