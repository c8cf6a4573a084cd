"""A machine without a sign of life, and one that only has nothing to report. A script stands in for QEMU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import emulator, kernel

Machine = Callable[[str], emulator.Emulator]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Starts a machine that does what a line of shell says; its third serial port is at $beats."""
    monkeypatch.setattr(emulator, "BEAT", 0.05)
    monkeypatch.setattr(emulator, "MAX_PAUSE", 0.3)
    started: list[emulator.Emulator] = []

    def start(script: str) -> emulator.Emulator:
        stand_in = tmp_path / "qemu-system-x86_64"
        stand_in.write_text(f"#!/bin/sh\nbeats={tmp_path}/console.beats\n{script}\n")
        stand_in.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        (tmp_path / "lib/modules/1").mkdir(parents=True)
        booted = kernel.Kernel(tmp_path)
        started.append(emulator.Emulator(booted, tmp_path / "script", tmp_path / "console", memory=1))
        return started[-1]

    yield start
    for one in started:
        one.stop()
        one.reap()


def test_a_machine_without_a_sign_of_life_stands_still(machine: Machine) -> None:
    lines = machine("printf . >$beats; echo a report; exec sleep 60").lines(silence=60)
    assert next(lines) == "a report"
    with pytest.raises(emulator.StillError):
        next(lines)


def test_a_machine_that_lives_and_reports_nothing_hangs(machine: Machine) -> None:
    started = machine("while sleep 0.05; do printf . >>$beats; done")
    with pytest.raises(emulator.HungError):
        next(started.lines(silence=1))


def test_a_machine_that_has_not_started_yet_does_not_stand_still(machine: Machine) -> None:
    with pytest.raises(emulator.HungError):
        next(machine(": >$beats; exec sleep 60").lines(silence=1))
