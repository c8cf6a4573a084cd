"""Why a process does nothing, by its state and by its cgroup's freezer of either version."""

from __future__ import annotations

from pathlib import Path

import pytest

from prhelper.ctl.check import process_status, stopped

PID = 7


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc with one process that runs, and the cgroups of both versions."""
    monkeypatch.setattr(stopped, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(process_status, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(stopped, "_CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/status").write_text("Name:\ta name\nState:\tS (sleeping)\n")
    (tmp_path / "proc/7/cgroup").write_text("3:freezer:/pod/a\n2:cpu,memory:/x\n0::/machine.slice/b\n")
    return tmp_path


def put(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_process_that_runs_is_not_stopped(host: Path) -> None:
    put(host / "cgroup/machine.slice/b/cgroup.freeze", "0\n")
    put(host / "cgroup/freezer/pod/freezer.state", "THAWED\n")
    assert stopped.why(PID) is None


@pytest.mark.parametrize(
    ("state", "seen", "remedy"),
    [
        ("T (stopped)", "pid 7 is stopped (state T)", "kill -CONT 7"),
        ("t (tracing stop)", "pid 7 is stopped by pid 9, which traces it", "kill 9, and kill -CONT 7."),
    ],
)
def test_process_that_was_stopped_by_a_signal_or_a_tracer(host: Path, state: str, seen: str, remedy: str) -> None:
    (host / "proc/7/status").write_bytes(f"Name:\tS\xff\nState:\t{state}\nTracerPid:\t9\n".encode("latin-1"))
    found = stopped.why(PID)
    assert found is not None
    assert found.seen == seen
    assert found.remedy.endswith(remedy)


@pytest.mark.parametrize(
    ("knob", "frozen", "thaw"),
    [
        ("machine.slice/b/cgroup.freeze", "1", "echo 0 >"),
        ("machine.slice/cgroup.freeze", "1", "echo 0 >"),
        ("unified/machine.slice/cgroup.freeze", "1", "echo 0 >"),
        ("freezer/pod/a/freezer.state", "FROZEN", "echo THAWED >"),
        ("freezer/freezer.state", "FROZEN", "echo THAWED >"),
    ],
)
def test_cgroup_that_is_frozen_is_named_or_the_one_above_it(host: Path, knob: str, frozen: str, thaw: str) -> None:
    put(host / "cgroup" / knob, f"{frozen}\n")
    found = stopped.why(PID)
    assert found is not None
    assert found.seen == f"{host}/cgroup/{knob} is {frozen}"
    assert f"{thaw} {host}/cgroup/{knob}" in found.remedy


def test_process_that_has_gone_is_not_stopped() -> None:
    assert stopped.why(PID + 1) is None
