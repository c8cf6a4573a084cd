"""The shipped units, installed and listening; and a unit to reserve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.nexus import Nexus

from .. import lio
from ..initiators import through_helper
from .units import LOG, SERVICE, SOCKET, WORKER, WORKER_SOCKET, install, listens_at, systemctl

ONLY_SYS_RAWIO = f"{1 << 17:016x}"


@pytest.fixture(scope="session")
def devices() -> list[Path]:
    return lio.create()


@pytest.fixture
def device(devices: list[Path]) -> Path:
    return devices[0]


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    install(watchdog_seconds=5)


@pytest.fixture(autouse=True)
def socket() -> Iterator[Path]:
    """The listening socket, the worker's too, and nothing started yet."""
    LOG.write_text("")
    systemctl("start", SOCKET, WORKER_SOCKET)
    yield listens_at(SOCKET)
    systemctl("stop", SOCKET, WORKER_SOCKET, SERVICE, WORKER)
    systemctl("reset-failed")
    print(LOG.read_text())


@contextmanager
def nexus(device: Path, socket: Path) -> Iterator[Nexus]:
    """An initiator that sends its commands to a socket."""
    with ExitStack() as stack:
        yield through_helper(device, socket, stack)
