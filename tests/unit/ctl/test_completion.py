"""What bash offers, by the program's own help."""

import subprocess
import sys
from pathlib import Path

import pytest

from ...support.programs import require_program

COMPLETION = Path(__file__).parents[3] / "packaging" / "prhelperctl.bash"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "prhelperctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m prhelper.ctl "$@"\n')
    program.chmod(0o755)
    (tmp_path / "disk.img").write_text("")
    return program


def offered(program: Path, *words: str) -> list[str]:
    """The completions of the last word."""
    bash = require_program("bash", "bash")
    line = " ".join(f"'{word}'" for word in (str(program), *words))
    script = (
        f"source '{COMPLETION}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}\n"
        '_prhelperctl 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_subcommands_are_offered(program: Path) -> None:
    assert {"register", "register-and-move", "reserve", "release"} <= set(offered(program, "re"))
    assert all(word.startswith("re") for word in offered(program, "re"))
    assert offered(program, "sho") == ["show"]


def test_options_of_the_subcommand_are_offered(program: Path) -> None:
    assert offered(program, "reserve", "--p") == ["--param-rk", "--prout-type"]
    assert offered(program, "reserve", "-T", "") == ["1", "3", "5", "6", "7", "8"]


def test_levels_and_users_are_offered(program: Path) -> None:
    assert offered(program, "log-level", "d") == ["debug"]
    assert offered(program, "check", "--as", "roo") == ["root"]


def test_disks_are_offered_as_files(program: Path) -> None:
    assert offered(program, "show", f"{program.parent}/d") == [f"{program.parent}/disk.img"]


def test_nothing_is_offered_for_a_key(program: Path) -> None:
    assert offered(program, "reserve", "-K", "") == []
