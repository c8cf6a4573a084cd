"""Hosts: "map" has the paths a and b by a multipath map, "c" and "e" one path each. d is the one that looks on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kernel.qemu import Qemu
from tests.support.nexus import Nexus
from tests.support.virtual_machine.journey import Journey
from tests.support.virtual_machine.machine import Disk, Program

from .. import helper, lio, scsi_debug
from ..initiators import forget_everything, generic, settle, straight
from ..multipath.cluster import Cluster
from ..multipath.multipathd import Multipathd, device_of_map, eventually, start_udevd
from ..multipath.our_helper import OurHelper
from ..multipath.paths import MapPath
from ..service import Service
from .site import Host, Site


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For sockets."""
    return tmp_path_factory.mktemp("sockets")


@pytest.fixture(scope="session")
def disks() -> list[Path]:
    """The disks a to e, each a nexus to the unit."""
    return lio.create(nexuses=5)


@pytest.fixture(scope="session")
def debug(disks: list[Path]) -> Path:  # noqa: ARG001  (they bring the drivers, and come first)
    """A disk that has no reservations."""
    return scsi_debug.create()


@pytest.fixture(scope="session")
def everything(disks: list[Path], debug: Path, scratch: Path) -> Iterator[Site]:
    start_udevd()
    with ExitStack() as stack:
        left_alone = "|".join(disk.name for disk in (*disks[2:], debug))
        # One that reads, as is usual for LIO, takes a path for dead where another host has EXCLUSIVE ACCESS.
        multipathd = Multipathd(f"({left_alone})", overrides="path_checker tur")
        multipathd.start()
        stack.callback(multipathd.stop)
        eventually(
            lambda: list(multipathd.paths().values()) == ["active"] * 2, "both paths are in use", multipathd.said
        )
        device = device_of_map()
        assert device is not None, multipathd.said()
        ours = OurHelper(scratch / "ab", device)
        ours.start()
        stack.callback(ours.kill)
        hosts = {"map": Host("ab", Disk(device, ours.socket))}
        for letter, disk in zip("ce", (disks[2], disks[4]), strict=True):
            service = Service(scratch / letter)
            service.start()
            stack.callback(service.kill)
            hosts[letter] = Host(letter, Disk(disk, service.path))
        other = generic(disks[3])
        cluster = Cluster(
            ours=ours,
            us=Nexus(ours.execute),
            other=straight(other, stack),
            others_node=other,
            paths={letter: MapPath(disk, multipathd) for letter, disk in zip("ab", disks[:2], strict=True)},
            multipathd=multipathd,
        )
        yield Site(cluster, hosts)


@pytest.fixture
def site(everything: Site) -> Site:
    """With nobody registered."""
    # At first, since a path by which multipathd may not read does not come back.
    forget_everything([everything.cluster.others_node])
    everything.cluster.start_afresh()
    settle([everything.hosts[letter].disk.device for letter in "ce"])
    return everything


ROUTES = {"one path": ("e", "c"), "a multipath map": ("map", "c")}


@pytest.fixture(params=ROUTES)
def route(site: Site, request: pytest.FixtureRequest) -> tuple[Host, Host]:
    """Two hosts: where the guest starts, and another."""
    home, away = ROUTES[request.param]
    return site.hosts[home], site.hosts[away]


@pytest.fixture
def refusing(debug: Path, scratch: Path) -> Iterator[Disk]:
    """A disk with emulated reservations, to which all hosts are one initiator: no migration moves any."""
    socket = scratch / "refusing"
    options = ["--emulate", "--emulate-nexus=host", f"--state-directory={scratch}/refusing-state"]
    with helper.running(socket, *options):
        yield Disk(debug, socket)


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    qemu = Qemu(Path(os.environ["GUEST_QEMU"]))
    journey = Journey(Program(qemu.machine(), qemu.environment), tmp_path)
    yield journey
    journey.end()
