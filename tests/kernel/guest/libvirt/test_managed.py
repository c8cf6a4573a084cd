"""`managed='yes'`: libvirt starts a helper for the machine, and another when that one dies."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.helper import wait_until
from tests.support.nexus import Holder, Nexus

from ..systemd.units import SERVICE, main_pid
from . import host
from .domain import Domain

pytestmark = pytest.mark.timeout(1200)  # the first test waits for the boot, which is slow without KVM

REGISTER = "--out --register-ignore --param-sark=abc"
RESERVE = "--out --reserve --param-rk=abc --prout-type=5"
READ_KEYS = "--in --read-keys"
ABORTED_COMMAND = 11
A_WHILE = 60.0
"""Seconds for libvirt to start a helper; in an emulated machine Python takes some."""


def test_libvirt_starts_the_helper_and_the_guest_reserves(domain: Domain, outside: Nexus) -> None:
    assert domain.persist(REGISTER, 0) == 0
    assert domain.persist(RESERVE, 0) == 0
    assert (outside.keys(), outside.reservation()) == ([0xABC], Holder(0xABC, 5))
    host.wait_for_log('machine "one": device 8:0 (sda): PERSISTENT RESERVE OUT RESERVE')


def test_helper_is_in_the_machines_group_and_sees_its_devices_alone(domain: Domain) -> None:
    process = Path(f"/proc/{domain.helper}")
    arguments = (process / "cmdline").read_text().split("\0")
    assert re.search(r"-k /var/lib/libvirt/qemu/domain-\d+-one/pr-helper0.sock $", " ".join(arguments))
    assert re.search(r"machine-qemu.*one\.scope", (process / "cgroup").read_text())
    disks = {path.name for path in (process / "root/dev").iterdir() if path.is_block_device()}
    assert disks == {"sda", "sdb", "dm-0", "sdd", "sde"}  # of the map, the paths too


def test_helper_that_was_killed_is_replaced_and_the_guest_goes_on(domain: Domain, outside: Nexus) -> None:
    assert domain.persist(REGISTER, 0) == 0
    killed = domain.helper
    os.kill(killed, signal.SIGKILL)
    # QEMU notices with the next command, and tries for five seconds; libvirt hears of it from QEMU.
    wait_until(lambda: domain.persist(RESERVE, 0) == 0, A_WHILE, "the guest to reserve")
    assert domain.helper != killed
    assert outside.reservation() == Holder(0xABC, 5)


def test_restart_of_libvirts_daemon_leaves_both_kinds_of_helper_alone(domain: Domain, outside: Nexus) -> None:
    helpers = domain.helper, main_pid(SERVICE)
    host.stop_daemon()
    assert domain.persist(REGISTER, 0) == 0
    host.start_daemon()
    assert host.virsh("domstate", domain.name) == "running"
    assert (domain.persist(RESERVE, 0), domain.persist(REGISTER, 1)) == (0, 0)
    assert outside.keys() == [0xABC, 0xABC]
    assert (domain.helper, main_pid(SERVICE)) == helpers


def test_helper_that_died_while_libvirt_was_away_is_replaced_once_it_is_back(domain: Domain) -> None:
    host.stop_daemon()
    killed = domain.helper
    os.kill(killed, signal.SIGKILL)
    assert domain.persist(READ_KEYS, 0) == ABORTED_COMMAND
    host.start_daemon()
    wait_until(lambda: domain.persist(READ_KEYS, 0) == 0, A_WHILE, "the guest to be answered")
    assert domain.helper != killed
