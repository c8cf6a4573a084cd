"""A multipath map under `managed='yes'`: the helper sees the /dev that libvirt has made for the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.nexus import Nexus

from .. import lio
from ..systemd.units import run
from . import host
from .conftest import UNIT, table
from .domain import Domain

pytestmark = pytest.mark.timeout(1200)

REGISTER = "--out --register-ignore --param-sark=abc"


def test_every_path_of_the_map_is_registered(domain: Domain, outside: Nexus) -> None:
    assert domain.persist(REGISTER, 2) == 0
    assert outside.keys() == [0xABC, 0xABC]


def test_path_that_was_added_later_stays_out_and_the_log_says_why(
    domain: Domain, outside: Nexus, devices: list[Path]
) -> None:
    added = lio.attach(UNIT, 5)
    run("dmsetup", "reload", "--noudevsync", "mpatest", "--table", table([*devices[3:5], added]))
    run("dmsetup", "resume", "--noudevsync", "mpatest")
    assert domain.persist(REGISTER, 2) == 0
    assert outside.keys() == [0xABC, 0xABC]
    host.wait_for_log(f"/dev/{added.name}: No such file or directory; prhelper must see the /dev of the host")
