"""What reaches the unit through a map, and through what lies on one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.spc import GOOD, SPEC_I_PT, In, Out, keys, transport_ids

from ..initiators import through_helper
from .cluster import OTHER, Cluster, K, transport_id
from .scenarios import REGISTERED, WR, we_hold
from .steps import play

pytestmark = pytest.mark.timeout(180)

PORT_OF_C = 3


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


@pytest.fixture
def volume(multipath_map: Path) -> Iterator[Path]:
    """A volume on the map, a part of it."""
    table = f"0 1024 linear {multipath_map} 0"
    subprocess.run(["dmsetup", "create", "--uuid", "LVM-test", "volume", "--table", table], check=True)
    yield Path("/dev/mapper/volume").resolve()
    subprocess.run(["dmsetup", "remove", "--retry", "volume"], check=True)


def test_on_a_volume_that_lies_on_a_map_a_command_acts_on_the_map_s_paths(cluster: Cluster, volume: Path) -> None:
    with ExitStack() as stack:
        nexus = through_helper(volume, cluster.ours.socket, stack)
        play([REGISTERED], cluster)
        assert nexus.reserve(K, WR) == GOOD
        assert cluster.state().is_as("a=K b=K, we hold 5")
        assert nexus.register(0, key=K) == GOOD
        assert str(cluster.state()) == "nothing"
    assert cluster.multipathd.key() is None
