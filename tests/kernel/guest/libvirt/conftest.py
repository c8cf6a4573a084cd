"""A host with libvirt and one virtual machine, which all tests share, for it takes its time to boot.

Its disks:

    0  the unit, by a path of its own; the helper is libvirt's (managed='yes')
    1  the unit, by another path; the helper is that of the shipped units (managed='no')
    2  the unit, by a multipath map over two more; the helper is libvirt's

One more path, /dev/sdc, is another host's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.nexus import Nexus

from .. import lio
from ..initiators import forget_everything, straight
from ..modules import modprobe
from ..systemd import units
from . import host
from .domain import MANAGED, Disk, Domain, unmanaged

UNIT = lio.CONFIGFS / "target/core/fileio_0/unit"


@pytest.fixture(scope="session")
def devices() -> list[Path]:
    """Paths to one unit: three, and two for the map."""
    return [*lio.create(), *(lio.attach(UNIT, nexus) for nexus in (3, 4))]


@pytest.fixture(scope="session")
def mpath(devices: list[Path]) -> Path:
    """A multipath map over the last two paths, with the links that udev would make: libvirt looks for them."""
    modprobe("dm_mod")
    modprobe("dm_multipath")
    modprobe("dm_round_robin")
    units.run("dmsetup", "create", "--noudevsync", "--uuid", "mpath-test", "mpatest", "--table", table(devices[3:5]))
    (name,) = Path("/sys/block").glob("dm-*")
    named = Path("/dev/mapper/mpatest")
    named.symlink_to(f"../{name.name}")
    numbers = Path("/dev/block")
    numbers.mkdir(exist_ok=True)
    for disk in (*devices[3:5], Path(name)):
        number = (Path("/sys/block") / disk.name / "dev").read_text().strip()
        (numbers / number).symlink_to(f"../{disk.name}")
    return named


def table(paths: list[Path]) -> str:
    """The table of a map over these paths."""
    sectors = int(Path(f"/sys/block/{paths[0].name}/size").read_text())
    listed = " ".join(f"{path} 1" for path in paths)
    return f"0 {sectors} multipath 0 0 1 1 round-robin 0 {len(paths)} 1 {listed}"


@pytest.fixture(scope="session")
def started(devices: list[Path], mpath: Path) -> Iterator[Domain]:
    host.install()
    units.install(watchdog_seconds=30)
    units.systemctl("start", units.SOCKET, units.WORKER_SOCKET)
    disks = [Disk(devices[0], MANAGED), Disk(devices[1], unmanaged()), Disk(mpath, MANAGED)]
    domain = Domain("one", disks)
    for kind, patience in host.accelerators():
        try:
            domain.start(kind, patience)
        except TimeoutError:
            domain.close()
            host.virsh("destroy", domain.name)
        else:
            yield domain
            domain.close()
            return
    pytest.fail("the virtual machine does not boot")


@pytest.fixture
def domain(started: Domain, devices: list[Path]) -> Domain:
    """The machine, and nobody registered."""
    forget_everything([devices[2], *devices[:2], *devices[3:]])
    for number in range(3):
        started.persist("--in --read-keys", number)  # takes note of the unit attention
    return started


@pytest.fixture
def outside(devices: list[Path]) -> Iterator[Nexus]:
    """Another host of the same unit."""
    with ExitStack() as stack:
        yield straight(devices[2], stack)
