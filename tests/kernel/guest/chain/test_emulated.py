"""A guest gets reservations on a disk that has none: by --emulate, through QEMU's pr-manager-helper.

The guest's disks 1 and 2 are the same disk, and two initiators.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .. import helper
from .machine import Machine

pytestmark = [
    pytest.mark.timeout(650),
    pytest.mark.skipif("qemu" in "".join(helper.COMMAND[:1]), reason="qemu-pr-helper emulates nothing"),
]

CONFLICT, UNIT_ATTENTION = 24, 6


@pytest.fixture
def machine(booted: Machine) -> Iterator[Machine]:
    yield booted
    out(booted, 1, "register-ignore --param-sark=1")  # there may be a unit attention
    assert out(booted, 1, "register-ignore --param-sark=1") == 0
    assert out(booted, 1, "clear --param-rk=1") == 0


def out(machine: Machine, disk: int, action: str) -> int:
    """The guest's sg_persist --out on one of its disks: the exit status."""
    return machine.run(f"sg_persist --no-inquiry --out --{action} /dev/disk{disk}")[0]


def read(machine: Machine, disk: int, action: str) -> str:
    """The guest's sg_persist --in: what it prints."""
    status, output = machine.run(f"sg_persist --no-inquiry --in --{action} /dev/disk{disk}")
    assert status == 0, output
    return output


def test_guest_registers_reserves_and_the_other_initiator_is_refused_until_it_preempts(machine: Machine) -> None:
    assert "NO registered" in read(machine, 1, "read-keys")
    assert out(machine, 1, "register --param-sark=a1") == 0
    assert out(machine, 1, "reserve --param-rk=a1 --prout-type=5") == 0
    assert out(machine, 2, "register --param-sark=b2") == 0
    assert out(machine, 2, "reserve --param-rk=b2 --prout-type=5") == CONFLICT
    assert "Key=0xa1" in read(machine, 2, "read-reservation")

    assert out(machine, 2, "preempt --param-rk=b2 --param-sark=a1 --prout-type=5") == 0
    assert out(machine, 1, "reserve --param-rk=a1 --prout-type=5") == UNIT_ATTENTION
    assert out(machine, 1, "reserve --param-rk=a1 --prout-type=5") == CONFLICT
    assert "Key=0xb2" in read(machine, 1, "read-reservation")
