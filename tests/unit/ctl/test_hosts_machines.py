"""Machines of this host: files that a command line names are read, and nothing else is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prhelper.ctl import hosts_machines
from prhelper.ctl.hosts_machines import _content


def test_file_is_read_by_its_path_in_the_process_and_only_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_machines, "_MAX_FILE", 5)
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("content")
    assert (_content(os.getpid(), "file"), _content(os.getpid(), f"{tmp_path}/file")) == ("conte", "conte")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/null"), tmp_path, tmp_path / "none"):
        assert _content(os.getpid(), str(path)) == ""
