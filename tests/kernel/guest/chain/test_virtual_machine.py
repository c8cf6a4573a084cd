"""The whole chain: a guest's reservation goes through QEMU's pr-manager-helper and the helper to the disk.

The tests share one virtual machine, for it takes its time to boot; each begins with nobody registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.nexus import Holder, Nexus
from tests.support.spc import GOOD, Out

from ..initiators import forget_everything, straight
from ..service import Service
from .machine import Machine

pytestmark = pytest.mark.timeout(650)  # the first test waits for the boot, which is slow without KVM

CONNECTED, DISCONNECTED = {"id": "helper0", "connected": True}, {"id": "helper0", "connected": False}

REGISTER = "sg_persist --out --register-ignore --param-sark=abc /dev/disk0"
RESERVE = "sg_persist --out --reserve --param-rk=abc --prout-type=5 /dev/disk0"
READ_KEYS = "sg_persist --in --read-keys /dev/disk0"
WRITE = "dd if=/dev/zero of=/dev/disk0 bs=4096 count=1 oflag=direct"


@pytest.fixture
def machine(booted: Machine, lio_devices: list[Path]) -> Machine:
    forget_everything(lio_devices)
    booted.events.clear()
    return booted


@pytest.fixture
def outside(lio_devices: list[Path]) -> Iterator[Nexus]:
    """Another initiator of the same unit, outside the virtual machine."""
    with ExitStack() as stack:
        yield straight(lio_devices[1], stack)


def test_guest_registers_and_reserves_and_others_see_it(machine: Machine, outside: Nexus) -> None:
    assert CONNECTED in machine.monitor("query-pr-managers")
    assert machine.run(REGISTER)[0] == 0
    assert machine.run(RESERVE)[0] == 0
    assert outside.keys() == [0xABC]
    assert outside.reservation() == Holder(0xABC, 5)
    status, output = machine.run(READ_KEYS)
    assert (status, "0xabc" in output) == (0, True)


def test_guest_meets_the_conflict_with_a_reservation_from_outside(machine: Machine, outside: Nexus) -> None:
    outside.write(Out.REGISTER, new=0xB)
    assert outside.write(Out.RESERVE, key=0xB, kind=5).status == GOOD
    assert machine.run(REGISTER)[0] == 0
    status, output = machine.run(RESERVE)
    assert (status, "conflict" in output.lower()) == (24, True)


def test_preempted_guest_can_write_no_more(machine: Machine, outside: Nexus) -> None:
    machine.run(REGISTER)
    machine.run(RESERVE)
    assert machine.run(WRITE)[0] == 0
    outside.write(Out.REGISTER, new=0xB)
    assert outside.write(Out.PREEMPT, key=0xB, new=0xABC, kind=5).status == GOOD
    assert machine.run(WRITE)[0] != 0
    assert outside.keys() == [0xB]


def test_helper_killed_and_started_again_is_found_by_the_next_command(
    machine: Machine, service: Service, outside: Nexus
) -> None:
    assert machine.run(REGISTER)[0] == 0
    service.kill()
    service.start()
    assert machine.run(RESERVE)[0] == 0
    assert outside.reservation() == Holder(0xABC, 5)
    assert CONNECTED in machine.monitor("query-pr-managers")
    changes = [event["data"] for event in machine.events if event["event"] == "PR_MANAGER_STATUS_CHANGED"]
    assert changes == [DISCONNECTED, CONNECTED]


def test_command_without_a_helper_fails_in_the_guest_and_the_one_after_its_return_succeeds(
    machine: Machine, service: Service
) -> None:
    service.kill()
    assert machine.run(REGISTER)[0] != 0
    assert DISCONNECTED in machine.monitor("query-pr-managers")
    service.start()
    assert machine.run(REGISTER)[0] == 0
