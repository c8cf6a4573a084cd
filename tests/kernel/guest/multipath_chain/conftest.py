"""A virtual machine with a disk on the map, through the helper of our host; the other host as in guest/multipath."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.kernel import Kernel

from .. import lio
from ..chain.machine import Disk, Machine, accelerators
from ..multipath import conftest as of_maps
from ..multipath.multipathd import start_udevd
from ..multipath.our_helper import OurHelper
from .lent import lend

multipathd = of_maps.multipathd
multipath_map = of_maps.multipath_map
ours = of_maps.ours
shared_cluster = of_maps.shared_cluster
cluster = of_maps.cluster


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of packages."""
    return Path(os.environ["GUEST_KERNEL"])


@pytest.fixture(scope="session")
def disks(root: Path) -> list[Path]:
    """The disks a, b and c."""
    disks = lio.create()
    lend(root)
    start_udevd()
    return disks


@pytest.fixture(scope="session")
def machine(
    root: Path, multipath_map: Path, ours: OurHelper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    for accelerator, seconds in accelerators():
        scratch = tmp_path_factory.mktemp("machine")
        with Machine(Kernel(root), [Disk(multipath_map, ours.socket)], scratch, accelerator) as machine:
            if machine.boots_within(seconds):
                yield machine
                return
    pytest.fail("the machine does not boot")
