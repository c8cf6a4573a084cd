"""Two machines on one unit: by one path they share a nexus, by two they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl.check.neighbours import look
from prhelper.ctl.disks import described
from prhelper.ctl.hosts_machines import Machine
from prhelper.ctl.qemu import CommandLine, GuestDisk
from prhelper.device import identity

from ....support import two_paths
from ....support.two_paths import FIRST, MAP, SDA, SDB, SECOND, SG0, WWID
from ..daemon import registered


@pytest.fixture(autouse=True)
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", two_paths.make(tmp_path))
    monkeypatch.setattr(Machine, "disk_of", lambda _, used: described(used.file, NODES[used.file]))


NODES = {"/dev/sda": SDA, "/dev/sdb": SDB, "/dev/sg0": SG0, "/dev/dm-0": MAP}


def machine(pid: int, *files: str, driver: str = "scsi-block") -> Machine:
    disks = tuple(GuestDisk(driver, "hd", file, "pr0") for file in files)
    return Machine(pid, 0, f"db{pid}", CommandLine({}, disks, ()))


def told(number: str, pid: int, **more: Any) -> dict[str, Any]:
    """What a daemon says of a machine that is registered on the unit."""
    device = registered(number, "0xa1", machine=f"db{pid}", **more)
    device["device"]["wwid"] = WWID
    device["registrations"][0]["process"]["pid"] = pid
    return device


@pytest.mark.parametrize(
    ("machines", "seen", "codes"),
    [
        ([machine(1, "/dev/sda")], [], []),
        ([machine(1, "/dev/sda", "/dev/sg0", "/dev/sdb")], [], []),
        ([machine(1, "/dev/sda"), machine(2, "/dev/sda")], [], ["one-nexus"]),
        ([machine(1, "/dev/sda"), machine(2, "/dev/sg0")], [], ["one-nexus"]),
        ([machine(1, "/dev/sda"), machine(2, "/dev/dm-0")], [], ["one-nexus"]),
        ([machine(1, "/dev/sda"), machine(2, "/dev/sdb")], [], ["one-host"]),
        ([machine(1, "/dev/sda"), machine(2, "/dev/sdb"), machine(3, "/dev/sg0")], [], ["one-nexus", "one-host"]),
        ([machine(1, "/dev/sda"), machine(2, "/dev/sda", driver="scsi-hd")], [], []),
        ([machine(1, "/dev/sda")], [told("8:0", 1, addresses=[FIRST])], []),
        ([machine(1, "/dev/sda")], [told("8:16", 2, addresses=[SECOND])], ["one-host"]),
        ([machine(1, "/dev/sda")], [told("21:0", 2, addresses=[FIRST])], ["one-nexus"]),
        ([machine(1, "/dev/sda")], [told("8:0", 2)], ["one-nexus"]),
        ([machine(1, "/dev/sda")], [told("8:0", 2, connected=False)], []),
    ],
)
@pytest.mark.parametrize("asked", ["/dev/sda", "/dev/sg0"])
def test_machines_on_one_unit_are_told_by_the_paths_that_they_have_it_by(
    machines: list[Machine], seen: list[dict[str, Any]], codes: list[str], asked: str
) -> None:
    found = list(look(described(asked, NODES[asked]), machines, seen))
    assert [each.cause.code for each in found] == codes


def test_finding_names_the_machines_and_their_paths() -> None:
    (found,) = look(described("/dev/sda", SDA), [machine(1, "/dev/sda"), machine(2, "/dev/sdb")], [])
    assert found.seen == f'machine "db1" (pid 1), by {FIRST}; machine "db2" (pid 2), by {SECOND}'
