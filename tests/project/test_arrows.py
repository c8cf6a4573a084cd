"""An import that points up, or across, fails `make check`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="import-linter is missing (make venv installs it)")

REPOSITORY = Path(__file__).parents[2]
LINT = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())"]


def lint(tmp_path: Path, module: str = "", line: str = "") -> tuple[int, str]:
    """Check a copy of the package with `line` added to `module`: exit status, and what was said."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(REPOSITORY / "prhelper", tmp_path / "prhelper")
    if module:
        with (tmp_path / module).open("a") as file:
            file.write(line + "\n")
    done = subprocess.run([*LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_package_as_it_is_passes(tmp_path: Path) -> None:
    status, said = lint(tmp_path)
    assert status == 0, said


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("prhelper/channel/base.py", "prhelper.scsi.sense"),
        ("prhelper/scsi/sense.py", "prhelper.channel.base"),
        ("prhelper/device/identity.py", "prhelper.scheduler.ticker"),
        ("prhelper/host/limits.py", "prhelper.logs.trace"),
        ("prhelper/serving/session.py", "prhelper.daemon"),
        ("prhelper/client/connection.py", "prhelper.device.identity"),
        ("prhelper/daemon.py", "prhelper.client"),
    ],
)
def test_an_arrow_that_does_not_go_down_is_refused(tmp_path: Path, module: str, imported: str) -> None:
    status, said = lint(tmp_path, module, f"import {imported}")
    assert status != 0
    assert imported in said


def test_a_module_without_a_place_is_refused(tmp_path: Path) -> None:
    status, said = lint(tmp_path, "prhelper/homeless.py", "")
    assert status != 0
    assert "homeless" in said
