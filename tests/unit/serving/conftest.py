"""What the tests of the server and of sessions share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from prhelper.handover import mailbox
from prhelper.serving import audit
from prhelper.serving import server as module

from .hosts import Host
from .running import Ends, Running
from .sessions import RUNNERS, Runner


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Running]:
    """A server that accepts nobody yet: whoever connects waits."""
    with start_blocking_portal() as portal:
        running = Running(tmp_path / "socket", portal)
        yield running
        running.close()


@pytest.fixture
def running(deaf: Running) -> Running:
    """A server that accepts clients."""
    deaf.accept()
    return deaf


@pytest.fixture(params=[True, False], ids=["with its closer", "without"], name="closer")
def _closer(deaf: Running, request: pytest.FixtureRequest) -> None:
    if request.param:
        deaf.server.start()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the server and the audit log."""
    said: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger = logging.Logger("serving", logging.INFO)
    logger.addHandler(Listening())
    monkeypatch.setattr(module, "_log", logger)
    monkeypatch.setattr(audit, "_log", logger)
    return said


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Host:
    """A host that can be asked, unless a test says otherwise."""
    return Host(getattr(request, "param", True))


@pytest.fixture(params=list(RUNNERS.values()), ids=list(RUNNERS))
def runner(request: pytest.FixtureRequest) -> Runner:
    chosen: Runner = request.param
    return chosen


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A mailbox: the end to put into, and the end to take from."""
    giving, taking = mailbox.pair()
    with giving, taking:
        yield giving, taking


@pytest.fixture
def null() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def read_only() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDONLY)
    yield fd
    os.close(fd)
