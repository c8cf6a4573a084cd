"""The shipped units as systemd's own tools judge them; needs no machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..support.programs import require_program
from .kernel import REPOSITORY

PACKAGING = REPOSITORY / "packaging"

MOST_EXPOSURE = {"prhelper.service": 1.0, "prhelper-multipath.service": 1.5}
"""Of 10; systemd calls 1.0 to 4.9 "OK". The unit says what each point beyond 1.0 is for."""


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Copies of the units that start an interpreter which this machine has."""
    require_program("systemd-analyze", "systemd")
    copies = []
    for source in sorted(PACKAGING.iterdir()):
        if source.suffix not in (".service", ".socket"):
            continue
        copy = tmp_path / source.name
        copy.write_text(source.read_text().replace("=/usr/bin/prhelper", f"={sys.executable} -I -m prhelper"))
        copies.append(copy)
    return copies


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def test_verify_has_nothing_to_say_of_the_units(units: list[Path]) -> None:
    done = analyze("verify", "--man=no", "--recursive-errors=one", *map(str, units))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("service", "most"), MOST_EXPOSURE.items(), ids=MOST_EXPOSURE)
def test_service_is_exposed_no_more_than_we_promise(units: list[Path], service: str, most: float) -> None:
    (unit,) = (unit for unit in units if unit.name == service)
    done = analyze("security", "--offline=true", f"--threshold={most * 10:.0f}", str(unit))
    assert done.returncode == 0, done.stdout


def test_every_service_has_its_limit(units: list[Path]) -> None:
    assert {unit.name for unit in units if unit.suffix == ".service"} == MOST_EXPOSURE.keys()


def test_groups_that_are_made_are_those_of_the_sockets_and_the_daemon(tmp_path: Path) -> None:
    require_program("systemd-sysusers", "systemd")
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", "-"]
    subprocess.run(command, input=(PACKAGING / "prhelper.sysusers").read_text(), text=True, check=True)
    made = {line.split(":")[0] for line in (tmp_path / "etc/group").read_text().splitlines()}
    lines = {path.name: path.read_text().splitlines() for path in PACKAGING.glob("*.s*")}
    assert made == {"kvm", "prhelper-multipath"}
    assert "SocketGroup=kvm" in lines["prhelper.socket"]
    assert "SocketGroup=prhelper-multipath" in lines["prhelper-multipath.socket"]
    assert "SupplementaryGroups=prhelper-multipath" in lines["prhelper.service"]
