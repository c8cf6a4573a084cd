"""What reaches the unit through a map, and through what lies on one."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.spc import GOOD, SPEC_I_PT, In, Out, keys, transport_ids

from ..initiators import through_helper
from .cluster import OTHER, Cluster, K, transport_id
from .scenarios import REGISTERED, WR, we_hold
from .steps import play

pytestmark = pytest.mark.timeout(180)

PORT_OF_C = 3

SECTOR = 512


def test_reading_through_the_map_is_reading_the_unit(cluster: Cluster) -> None:
    play(we_hold(WR), cluster)
    for action in In:
        ours, others = cluster.us.read(action), cluster.other.read(action)
        assert (ours.status, ours.payload) == (GOOD, others.payload), action.name


def test_another_port_can_be_registered_with_ours(cluster: Cluster) -> None:
    parameters = keys(0, K, SPEC_I_PT) + transport_ids(transport_id("c"))
    assert cluster.us.write_raw(Out.REGISTER, 0, parameters).status == GOOD
    assert cluster.state().is_as("a=K b=K c=K")


def test_the_reservation_can_be_moved_to_another_port(cluster: Cluster) -> None:
    play(we_hold(WR), cluster)
    assert cluster.us.move(K, OTHER, transport_id("c"), port=PORT_OF_C).status == GOOD
    assert cluster.state().is_as("a=K b=K c=O, c holds 5")


@contextmanager
def logical_volume(multipath_map: Path) -> Iterator[Path]:
    """A volume on the map, a part of it."""
    table = f"0 1024 linear {multipath_map} 0"
    subprocess.run(["dmsetup", "create", "--uuid", "LVM-test", "volume", "--table", table], check=True)
    yield Path("/dev/mapper/volume").resolve()
    subprocess.run(["dmsetup", "remove", "--retry", "volume"], check=True)


@contextmanager
def partition(multipath_map: Path) -> Iterator[Path]:
    """A partition of the map, as kpartx makes it."""
    multipath_map.write_bytes(partition_table(start=2048, sectors=4096))
    subprocess.run(["kpartx", "-a", "-s", str(multipath_map)], check=True)
    (uuid,) = [file for file in Path("/sys/block").glob("dm-*/dm/uuid") if file.read_text().startswith("part1-mpath-")]
    yield Path("/dev") / uuid.parts[3]
    name = (uuid.parent / "name").read_text().strip()
    subprocess.run(["dmsetup", "remove", "--retry", name], check=True)  # kpartx gives up if it is open for a moment
    multipath_map.write_bytes(bytes(SECTOR))


def partition_table(start: int, sectors: int) -> bytes:
    """An MBR with one partition of Linux."""
    entry = struct.pack("<B3sB3sII", 0, bytes(3), 0x83, bytes(3), start, sectors)
    return bytes(446) + entry + bytes(3 * 16) + b"\x55\xaa"


@pytest.mark.parametrize("made", [logical_volume, partition])
def test_on_what_lies_on_a_map_a_command_acts_on_the_map_s_paths(
    cluster: Cluster, multipath_map: Path, made: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    with made(multipath_map) as device, ExitStack() as stack:
        nexus = through_helper(device, cluster.ours.socket, stack)
        play([REGISTERED], cluster)
        assert nexus.reserve(K, WR) == GOOD
        assert cluster.state().is_as("a=K b=K, we hold 5")
        assert nexus.register(0, key=K) == GOOD
        assert str(cluster.state()) == "nothing"
    assert cluster.multipathd.key() is None
