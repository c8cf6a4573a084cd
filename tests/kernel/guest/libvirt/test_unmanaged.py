"""`managed='no'`: the helper is that of the shipped units, and libvirt has no part in it."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.helper import wait_until
from tests.support.nexus import Holder, Nexus

from ..systemd.units import LOG, SERVICE, main_pid
from . import host
from .domain import Domain
from .test_managed import A_WHILE, REGISTER, RESERVE

pytestmark = pytest.mark.timeout(1200)


def test_guest_reserves_by_the_helper_of_the_units(domain: Domain, outside: Nexus) -> None:
    assert domain.persist(REGISTER, 1) == 0
    assert domain.persist(RESERVE, 1) == 0
    assert (outside.keys(), outside.reservation()) == ([0xABC], Holder(0xABC, 5))
    line = 'machine "one": device 8:16 (sdb): PERSISTENT RESERVE OUT RESERVE'
    wait_until(lambda: line in LOG.read_text(), host.LOG_PATIENCE, "the line about the reservation")


def test_helper_that_was_killed_is_replaced_by_systemd_and_the_guest_goes_on(domain: Domain, outside: Nexus) -> None:
    assert domain.persist(REGISTER, 1) == 0
    killed = main_pid(SERVICE)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: domain.persist(RESERVE, 1) == 0, A_WHILE, "the guest to reserve")
    assert main_pid(SERVICE) not in (0, killed)
    assert outside.reservation() == Holder(0xABC, 5)
