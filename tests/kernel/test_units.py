"""The shipped units as systemd's own tools judge them; needs no machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..support.programs import require_program
from .kernel import REPOSITORY

MOST_EXPOSURE = 1.0  # of 10; systemd calls that "SAFE"


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Copies of the units that start an interpreter which this machine has."""
    require_program("systemd-analyze", "systemd")
    copies = []
    for source in sorted((REPOSITORY / "packaging").glob("prhelper.*")):
        copy = tmp_path / source.name
        copy.write_text(source.read_text().replace("/usr/bin/python3", sys.executable))
        copies.append(copy)
    assert [copy.name for copy in copies] == ["prhelper.service", "prhelper.socket"]
    return copies


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def test_verify_has_nothing_to_say_of_the_units(units: list[Path]) -> None:
    done = analyze("verify", "--man=no", "--recursive-errors=one", *map(str, units))
    assert (done.returncode, done.stderr) == (0, "")


def test_service_is_exposed_no_more_than_we_promise(units: list[Path]) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE * 10:.0f}", str(units[0]))
    assert done.returncode == 0, done.stdout
