"""What every test of the client gets: a socket's path, a disk, the runtimes; and that nothing is left behind."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.client import connection

from ..channel.conftest import nothing_left_behind
from ..channel.contexts import ASYNCIO, THREAD, TRIO, Context

__all__ = ["nothing_left_behind"]

RUNTIMES = (ASYNCIO, TRIO, THREAD)


@pytest.fixture(scope="package", autouse=True)
def no_garbage() -> None:
    """What earlier tests have left to the garbage collector must not vanish during one of ours."""
    gc.collect()


@pytest.fixture(params=RUNTIMES, ids=repr)
def runtime(request: pytest.FixtureRequest) -> Context:
    result: Context = request.param
    return result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "helper.sock"


@pytest.fixture
def disk() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    monkeypatch.setattr(connection, "RETRY_PAUSE", 0.0)
