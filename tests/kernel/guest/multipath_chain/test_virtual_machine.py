"""The whole chain on a map: a guest's reservation goes through QEMU and the helper to every path."""

from __future__ import annotations

import pytest

from tests.support.nexus import Nexus
from tests.support.spc import GOOD, Out

from ..chain.machine import Machine
from ..multipath.cluster import OTHER, Cluster, K
from ..multipath.scenarios import WR

pytestmark = pytest.mark.timeout(650)  # the first test waits for the boot, which is slow without KVM

CONFLICT, UNIT_ATTENTION = 24, 6
"""Exit statuses of sg_persist."""

WRITE = "dd if=/dev/zero of=/dev/disk0 bs=4096 count=1 oflag=direct"


def out(machine: Machine, action: str) -> int:
    """The guest's sg_persist --out: the exit status. A unit attention is taken note of, and the command repeated."""
    command = f"sg_persist --no-inquiry --out --{action} /dev/disk0"
    status, _ = machine.run(command)
    return machine.run(command)[0] if status == UNIT_ATTENTION else status


def fence(other: Nexus) -> None:
    assert other.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=OTHER).status == GOOD
    assert other.preempt(OTHER, K, WR) == GOOD


def test_a_guest_registers_and_reserves_loses_the_path_that_holds_and_releases(
    machine: Machine, cluster: Cluster
) -> None:
    assert out(machine, f"register --param-sark={K:x}") == 0
    assert str(cluster.state()) == "a=K b=K"
    assert out(machine, f"reserve --param-rk={K:x} --prout-type={WR}") == 0
    assert cluster.state().is_as("a=K b=K, we hold 5")
    (holds,) = cluster.state().holders
    lives = "ab".replace(holds, "")
    cluster.paths[holds].fail()
    assert machine.run(WRITE)[0] == 0
    assert out(machine, f"release --param-rk={K:x} --prout-type={WR}") == 0
    assert str(cluster.state()) == f"{lives}=K"
    cluster.paths[holds].restore()
    cluster.becomes("a=K b=K")


def test_a_guest_that_has_migrated_takes_the_reservation_over_as_qemu_11_does_for_it(
    machine: Machine, cluster: Cluster
) -> None:
    source = cluster.other
    assert source.register(K) == GOOD
    assert source.reserve(K, WR) == GOOD
    status, told = machine.run("sg_persist --no-inquiry --in --read-reservation /dev/disk0")
    assert (status, f"Key={K:#x}" in told) == (0, True)
    assert out(machine, f"register --param-sark={K:x}") == 0
    assert str(cluster.state()) == "a=K b=K c=K, c holds 5"
    assert out(machine, f"preempt --param-rk={K:x} --param-sark={K:x} --prout-type={WR}") == 0
    assert cluster.state().is_as("a=K b=K, we hold 5")
    assert machine.run(WRITE)[0] == 0


def test_a_guest_that_is_fenced_writes_by_no_path(machine: Machine, cluster: Cluster) -> None:
    assert out(machine, f"register --param-sark={K:x}") == 0
    assert out(machine, f"reserve --param-rk={K:x} --prout-type={WR}") == 0
    assert machine.run(WRITE)[0] == 0
    fence(cluster.other)
    for path, left in {"a": "b", "b": "a"}.items():
        cluster.paths[left].restore()
        cluster.paths[path].fail()
        assert machine.run(WRITE)[0] != 0
    cluster.paths["b"].restore()
    assert out(machine, f"reserve --param-rk={K:x} --prout-type={WR}") == CONFLICT
    assert str(cluster.state()) == "c=O, c holds 5"
