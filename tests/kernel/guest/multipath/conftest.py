"""The unit with its three nexuses, the map on two of them, and a running helper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.nexus import Nexus

from .. import lio
from ..initiators import generic, straight
from .cluster import Cluster
from .multipathd import Multipathd, device_of_map, eventually, start_udevd
from .our_helper import OurHelper
from .paths import MapPath


@pytest.fixture(scope="session")
def disks() -> list[Path]:
    """The disks a, b and c."""
    disks = lio.create()
    start_udevd()
    return disks


@pytest.fixture(scope="session")
def multipathd(disks: list[Path]) -> Iterator[Multipathd]:
    """The daemon, with its map on a and b."""
    daemon = Multipathd(blacklisted=disks[2].name)
    daemon.start()
    eventually(lambda: list(daemon.paths().values()) == ["active"] * 2, "both paths are in use", daemon.said)
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def multipath_map(multipathd: Multipathd) -> Path:
    device = device_of_map()
    assert device is not None, multipathd.said()
    return device


@pytest.fixture(scope="session")
def ours(multipath_map: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurHelper]:
    ours = OurHelper(tmp_path_factory.mktemp("helper") / "socket", multipath_map)
    ours.start()
    yield ours
    ours.kill()


@pytest.fixture(scope="session")
def shared_cluster(disks: list[Path], multipathd: Multipathd, ours: OurHelper) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(
            ours=ours,
            us=Nexus(ours.execute),
            other=straight(generic(disks[2]), stack),
            others_node=generic(disks[2]),
            paths={letter: MapPath(disk, multipathd) for letter, disk in zip("ab", disks[:2], strict=True)},
            multipathd=multipathd,
        )


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """Both hosts, with nobody registered."""
    shared_cluster.start_afresh()
    return shared_cluster
