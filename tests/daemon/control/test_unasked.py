"""What the log and the control socket tell of two machines on one disk, and of a migration to this host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.fake_device import HEALTHY, FakeDevice
from ...support.helper import Helper, for_any_interpreter
from ...support.nexus import Nexus, over
from ...support.spc import GOOD, In, Out
from ...support.varlink import Varlink

OTHER_MACHINE = """\
import os, sys
from tests.support.client import Client
from tests.support.nexus import Nexus, over
with Client(sys.argv[1]) as client:
    print(Nexus(over(client, os.open(sys.argv[2], os.O_RDWR))).register(0xB), flush=True)
    sys.stdin.readline()
"""

CANNOT_FENCE = "so they cannot fence each other"


@pytest.fixture
def helper(tmp_path: Path, fake_device_library: Path) -> Iterator[Helper]:
    device = FakeDevice(fake_device_library, tmp_path)
    with Helper(tmp_path, options=[f"--control={tmp_path / 'control'}"], env=device.env) as helper:
        yield helper


@pytest.fixture
def machine(helper: Helper) -> Iterator[Nexus]:
    """This process, as a machine."""
    with Client(helper.socket) as client, Path(HEALTHY).open("rb+") as disk:
        yield Nexus(over(client, disk.fileno()))


def test_a_second_machine_on_a_disk_is_warned_of_once_and_both_are_told(
    helper: Helper, machine: Nexus, tmp_path: Path
) -> None:
    assert machine.register(0xA) == GOOD
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_MACHINE, str(helper.socket), HEALTHY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, **for_any_interpreter()},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == f"{GOOD}\n"
        helper.wait_for_log(CANNOT_FENCE)
        with Varlink(tmp_path / "control") as peer:
            (disk,) = peer.call("GetDevices")["devices"]
        told = {one["process"]["pid"]: (one["key"], one["connected"]) for one in disk["registrations"]}
        assert told == {os.getpid(): ("0xa", True), other.pid: ("0xb", True)}
        other.communicate("")
    assert machine.register(0xC, 0xA) == GOOD
    helper.wait_for_log("service action key 0xc")
    (line,) = [line for line in helper.output().splitlines() if CANNOT_FENCE in line]
    assert f"warning: pid {other.pid} " in line
    assert f"so is pid {os.getpid()} " in line


def test_a_migration_to_this_host_is_told_in_one_line(helper: Helper, machine: Nexus) -> None:
    """The commands that QEMU 11 sends at its end."""
    machine.read(In.READ_RESERVATION, 24)
    assert machine.register(0xA) == GOOD
    assert machine.write(Out.PREEMPT, 0xA, 0xA, kind=5).status == GOOD
    helper.wait_for_log("taken over with key 0xa")
    assert machine.register(0xA) == GOOD
    helper.stop()
    assert helper.output().count("taken over") == 1
