"""A device-mapper device hides its paths: a registration sent to it would reach one of them, so it is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.nexus import Nexus
from tests.support.spc import CHECK_CONDITION, keys, reserve_in, reserve_out, sense_code

from .. import helper
from ..modules import modprobe
from ..trace import Trace


@pytest.fixture
def mapped(devices: list[Path]) -> Iterator[Path]:
    """A linear mapping of the unit: the simplest device of the device mapper."""
    modprobe("dm_mod")
    sectors = int(Path(f"/sys/block/{devices[0].name}/size").read_text())
    table = f"0 {sectors} linear {devices[0]} 0"
    subprocess.run(["dmsetup", "create", "--noudevsync", "--table", table, "prtest"], check=True)
    (name,) = (path.parent.parent.name for path in Path("/sys/block").glob("dm-*/dm/name"))
    yield Path("/dev") / name
    subprocess.run(["dmsetup", "remove", "--noudevsync", "prtest"], check=True)


def test_reserve_out_is_refused_and_reaches_no_path(mapped: Path, nexuses: list[Nexus], tmp_path: Path) -> None:
    fd = os.open(mapped, os.O_RDWR)
    try:
        with (
            helper.running(tmp_path / "socket", stderr=subprocess.PIPE) as process,
            Client(tmp_path / "socket") as client,
        ):
            with Trace() as trace:
                answer = client.command(fd, reserve_out(0), keys(0, 1))
                assert (answer.status, sense_code(answer.sense)) == (CHECK_CONDITION, (5, 0x20, 0))
                assert trace.started() == 0
            assert client.command(fd, reserve_in(0)).status == 0
            process.terminate()
            assert process.stderr is not None
            assert b"(prtest): it is a device-mapper device" in process.stderr.read()
    finally:
        os.close(fd)
    assert nexuses[0].keys() == []
