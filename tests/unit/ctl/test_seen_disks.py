"""disks: a disk with its nodes in one row, and units that are reached by several paths."""

from pathlib import Path

import pytest

from prhelper.ctl.cli import main

from .daemon import Daemon, registered


def test_disk_has_one_row_and_a_unit_with_two_paths_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    for name, number in (("sda", "8:0"), ("sdb", "8:16"), ("sdc", "8:32")):
        one = registered(number, "0xa1")
        one |= {"commands": 1, "outcomes": {"GOOD": 1}, "slowest": None, "last_at": 1}
        one["device"] |= {"name": name, "wwid": "3600a" if name != "sdc" else None}
        one["nodes"] = [one["device"]]
        seen.append(one)
    seen[0]["nodes"].append({"kind": "char", "number": "21:0", "name": "sg0", "wwid": "3600a", "map": None})
    with Daemon(tmp_path / "control", {"GetDevices": [{"parameters": {"devices": seen, "omitted": 0}}]}) as daemon:
        assert main(["disks", "-c", str(daemon.path)]) == 0
    head, *rows, unit = capsys.readouterr().out.splitlines()
    assert head.startswith("DISK")
    assert [row.split()[0] for row in rows] == ["sda+sg0", "sdb", "sdc"]
    assert unit == "sda, sdb: one unit by several ways, wwid 3600a"
