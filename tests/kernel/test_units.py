"""The shipped units as systemd's own tools judge them; needs no machine.

PRHELPER_SUITE has the systemd of another suite judge them: it is that of debian_root.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..support import debian_root
from ..support.programs import missing, require_program
from .kernel import REPOSITORY, MissingError

SUITE = os.environ.get("PRHELPER_SUITE")
PACKAGING = REPOSITORY / "packaging"

MOST_EXPOSURE = {"prhelper.service": 1.1, "prhelper-multipath.service": 1.5}
"""Of 10; systemd calls 1.0 to 4.9 "OK". The unit says what each point beyond 1.0 is for."""
WITH_DROP_IN = {"root.conf": 1.8, "own-user.conf": 1.9}
"""Of the daemon's service."""


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Copies of the units that start an interpreter which this machine has."""
    require_program("systemd-analyze", "systemd")
    interpreter = "/usr/bin/python3" if SUITE else sys.executable
    copies = []
    for source in sorted(PACKAGING.iterdir()):
        if source.suffix not in (".service", ".socket"):
            continue
        copy = tmp_path / source.name
        copy.write_text(source.read_text().replace("=/usr/bin/prhelper", f"={interpreter} -I -m prhelper"))
        copies.append(copy)
    return copies


def analyze(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, for units that are in a folder."""
    command = ["systemd-analyze", *arguments]
    if SUITE:
        try:
            command = debian_root.inside(debian_root.obtain(SUITE, "build"), *command, shared=[folder])
        except MissingError as error:
            missing(str(error))
    done = subprocess.run(command, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines(keepends=True) if "PRHELPER_BOOT_ID" not in line]
    return subprocess.CompletedProcess(command, done.returncode, done.stdout, "".join(said))


def exposure(service: Path) -> float:
    done = analyze("security", "--offline=true", "--no-pager", str(service), folder=service.parent)
    (found,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+) ", done.stdout)
    return float(found)


def test_verify_has_nothing_to_say_of_the_units(units: list[Path]) -> None:
    done = analyze("verify", "--man=no", "--recursive-errors=one", *map(str, units), folder=units[0].parent)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("service", "most"), MOST_EXPOSURE.items(), ids=MOST_EXPOSURE)
def test_service_is_exposed_as_much_as_we_say_and_no_more(units: list[Path], service: str, most: float) -> None:
    (unit,) = (unit for unit in units if unit.name == service)
    assert exposure(unit) == most
    assert f"says {most}" in unit.read_text()


@pytest.mark.parametrize(("name", "most"), WITH_DROP_IN.items(), ids=WITH_DROP_IN)
def test_drop_in_exposes_the_daemon_as_much_as_it_says(units: list[Path], name: str, most: float) -> None:
    (unit,) = (unit for unit in units if unit.name == "prhelper.service")
    drop_in = PACKAGING / "systemd" / name
    folder = unit.with_name(f"{unit.name}.d")
    folder.mkdir()
    (folder / name).write_text(drop_in.read_text())
    assert exposure(unit) == most
    assert f"says {most}" in drop_in.read_text()


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
