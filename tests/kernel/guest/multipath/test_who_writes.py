"""Who may write by which path, by the type of the reservation: the unit says so, and multipath passes it on."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

import pytest

from .cluster import Cluster
from .paths import MapPath
from .scenarios import we_hold
from .steps import play

pytestmark = pytest.mark.timeout(300)

BLOCK = 4096
WRITES = 20

HOLDER_ALONE, ALL_OF_OURS = (1, 3), (5, 6, 7, 8)


def errors_of_writes(device: Path) -> list[int]:
    """Write block after block, past the page cache; the errno of each that failed."""
    fd, errors = os.open(device, os.O_WRONLY | os.O_DIRECT), []
    with mmap.mmap(-1, BLOCK) as block:
        for number in range(WRITES):
            try:
                os.pwrite(fd, block, number * BLOCK)
            except OSError as error:
                errors.append(error.errno or 0)
    os.close(fd)
    return errors


def disk(path: MapPath) -> Path:
    return Path(f"/dev/{path.name}")


@pytest.mark.parametrize("kind", ALL_OF_OURS)
def test_every_path_writes_where_those_registered_may(cluster: Cluster, multipath_map: Path, kind: int) -> None:
    play(we_hold(kind), cluster)
    assert [errors_of_writes(device) for device in (multipath_map, *map(disk, cluster.paths.values()))] == [[]] * 3


@pytest.mark.parametrize("kind", HOLDER_ALONE)
def test_only_the_path_that_holds_writes_where_the_holder_alone_may(
    cluster: Cluster, multipath_map: Path, kind: int
) -> None:
    """So those writes on the map fail that multipath sends by another path; it tries no third."""
    play(we_hold(kind), cluster)
    (holds,) = cluster.state().holders
    (other,) = {*cluster.paths} - {holds}
    assert errors_of_writes(disk(cluster.paths[holds])) == []
    assert errors_of_writes(disk(cluster.paths[other])) == [errno.EBADE] * WRITES
    failed = errors_of_writes(multipath_map)
    print(f"{len(failed)} of {WRITES} writes on the map failed")
    assert {*failed} == {errno.EBADE}
    assert len(failed) < WRITES
