"""Machines of this host: files that a command line names are read, and nothing else is opened."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from prhelper.ctl import hosts_machines, patience
from prhelper.ctl.hosts_machines import Machine, _content
from prhelper.ctl.qemu import CommandLine, GuestDisk


def test_file_is_read_by_its_path_in_the_process_and_only_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_machines, "_MAX_FILE", 5)
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("content")
    assert (_content(os.getpid(), "file"), _content(os.getpid(), f"{tmp_path}/file")) == ("conte", "conte")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/null"), tmp_path, tmp_path / "none", Path("/proc/self/status")):
        assert _content(os.getpid(), str(path)) == ""


def test_disk_whose_file_system_hangs_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    goes_on = threading.Event()

    def stat_that_hangs(path: str | Path, **_: object) -> os.stat_result:
        asked.append(str(path))
        goes_on.wait()
        raise FileNotFoundError

    disk = GuestDisk("scsi-hd", "hd", str(tmp_path / "disk"))
    machine = Machine(os.getpid(), 0, None, CommandLine({}, (disk,), ()))
    with monkeypatch.context() as patch:
        patch.setattr(patience.patiently, "__defaults__", ("", 0.2))
        patch.setattr(os, "stat", stat_that_hangs)
        assert [machine.disk_of(disk) for _ in range(3)] == [None] * 3
        goes_on.set()
    assert asked.count(disk.file) == 1
