"""`make venv` with a Python, a pip and a pkg-config that only note what is asked of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ..support.programs import require_program

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"
LEFT_OUT = "systemd-python left out"
INSTALLED = ["pip>=25.1", "--editable . --group dev"]
SYSTEMD = "--editable .[systemd]"

PYTHON = """\
#!/bin/sh
mkdir -p .venv/bin && ln -sf "$PWD/tools/pip" .venv/bin/pip
"""
PIP = """\
#!/bin/sh
echo "$*" >> asked
case "$*" in *systemd*) [ -e headers ];; esac
"""
PKG_CONFIG = """\
#!/bin/sh
[ -e library ]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile, where files named `library` and `headers` say what the system has."""
    require_program("make", "make")
    (tmp_path / "Makefile").write_text(MAKEFILE.read_text())
    for name in ("pyproject.toml", "packages"):
        (tmp_path / name).touch()
    (tmp_path / "tools").mkdir()
    for name, text in {"python3": PYTHON, "pip": PIP, "pkg-config": PKG_CONFIG}.items():
        tool = tmp_path / "tools" / name
        tool.write_text(text)
        tool.chmod(0o755)
    return tmp_path


def make_venv(checkout: Path) -> tuple[int, bool, list[str]]:
    """Its exit status, whether it says that systemd-python is left out, and what pip was asked for."""
    (checkout / "asked").write_text("")
    environment = {"PATH": f"{checkout}/tools:/usr/bin:/bin"}
    done = subprocess.run(
        ["make", "venv", "PACKAGES=packages"], cwd=checkout, env=environment, capture_output=True, text=True
    )
    asked = [line.removeprefix("install --quiet ") for line in (checkout / "asked").read_text().splitlines()]
    return done.returncode, LEFT_OUT in done.stdout, asked


@pytest.mark.parametrize(("has", "tried"), [([], False), (["library"], True), (["headers"], False)])
def test_what_systemd_python_needs_is_missing_and_it_is_left_out_with_a_line(
    checkout: Path, has: list[str], *, tried: bool
) -> None:
    for name in has:
        (checkout / name).touch()
    assert make_venv(checkout) == (0, True, INSTALLED + [SYSTEMD] * tried)


def test_what_was_missing_comes_and_systemd_python_is_built_once(checkout: Path) -> None:
    assert make_venv(checkout) == (0, True, INSTALLED)
    (checkout / "library").touch()
    (checkout / "headers").touch()
    assert make_venv(checkout) == (0, False, [])  # no package has changed, as far as can be seen
    later = (checkout / ".venv/systemd").stat().st_mtime + 1
    os.utime(checkout / "packages", (later, later))
    assert make_venv(checkout) == (0, False, [SYSTEMD])
    os.utime(checkout / ".venv/systemd", (later, later))
    assert make_venv(checkout) == (0, False, [])
