"""The shipped units, installed and listening; and a unit to reserve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.nexus import Nexus

from .. import lio
from ..initiators import forget_everything, through_helper
from ..modules import modprobe
from .units import LOG, SERVICE, SOCKET, WORKER, WORKER_SOCKET, install, listens_at, run, systemctl

JOURNAL = Path("/var/lib/prhelper-multipath/multipath")
ONLY_SYS_RAWIO = f"{1 << 17:016x}"


@pytest.fixture(scope="session")
def devices() -> list[Path]:
    return lio.create()


@pytest.fixture
def device(devices: list[Path]) -> Path:
    return devices[0]


@pytest.fixture(scope="class")
def mpath(devices: list[Path]) -> Iterator[Path]:
    """A multipath map over two nexuses of the unit; the third is another host's."""
    modprobe("dm_mod")
    modprobe("dm_multipath")
    modprobe("dm_round_robin")
    first, second, _ = devices
    sectors = int(Path(f"/sys/block/{first.name}/size").read_text())
    table = f"0 {sectors} multipath 0 0 1 1 round-robin 0 2 1 {first} 1 {second} 1"
    run("dmsetup", "create", "--noudevsync", "--uuid", "mpath-test", "mpatest", "--table", table)
    (name,) = Path("/sys/block").glob("dm-*")
    yield Path("/dev") / name.name
    run("dmsetup", "remove", "--noudevsync", "--retry", "mpatest")


@pytest.fixture
def clean(devices: list[Path]) -> None:
    """Nobody is registered with the unit."""
    forget_everything(devices)


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    install(watchdog_seconds=5)


@pytest.fixture(scope="class", autouse=True)
def socket() -> Iterator[Path]:
    """The listening socket, the worker's too, and nothing started yet: for each test, or once for a class of them."""
    LOG.write_text("")
    for entry in JOURNAL.glob("*/entry"):  # another test's; the worker would start with its socket
        entry.unlink()
    systemctl("start", SOCKET, WORKER_SOCKET)
    yield listens_at(SOCKET)
    systemctl("stop", SOCKET, WORKER_SOCKET, SERVICE, WORKER)
    print(LOG.read_text())


@contextmanager
def nexus(device: Path, socket: Path) -> Iterator[Nexus]:
    """An initiator that sends its commands to a socket."""
    with ExitStack() as stack:
        yield through_helper(device, socket, stack)
