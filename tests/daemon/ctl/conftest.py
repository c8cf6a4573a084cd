"""A helper that emulates, a disk, and prhelperctl run on them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prhelper.ctl.check import listening
from prhelper.ctl.cli import main

from ...support.checking import PAGE
from ...support.helper import Helper
from ...support.varlink_types import Types


class Done(NamedTuple):
    """How a run of prhelperctl ended."""

    status: object
    out: str
    err: str


Run = Callable[..., Done]
"""Runs prhelperctl with these arguments, in this process."""


@pytest.fixture(autouse=True)
def _other_helpers() -> None:
    """Each test has its own."""
    listening.look_again()


@pytest.fixture
def helper(tmp_path: Path, stack: ExitStack) -> Helper:
    """To it, each process is an initiator."""
    options = ["--emulate=all", f"--state-directory={tmp_path / 'state'}"]
    return stack.enter_context(Helper(tmp_path, options=options))


@pytest.fixture
def no_control(tmp_path: Path) -> Path:
    """Where there is no control socket."""
    return tmp_path / "no-control"


@pytest.fixture
def ctl(capsys: pytest.CaptureFixture[str]) -> Run:
    def ctl(*arguments: str | Path) -> Done:
        try:
            status: object = main(list(map(str, arguments)))
        except SystemExit as ended:
            status = ended.code
        return Done(status, *capsys.readouterr())

    return ctl


def by_another_process(*commands: list[str]) -> Done:
    """The same in another process, which is another initiator to the helper: the first that fails, or the last."""
    program = "import sys; from prhelper.ctl.cli import main; sys.exit(next(filter(None, map(main, COMMANDS)), 0))"
    line = [sys.executable, "-W", "error", "-c", program.replace("COMMANDS", repr(commands))]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, env=dict(os.environ))
    return Done(done.returncode, done.stdout, done.stderr)


def parsed(done: Done, kind: str, types: Types | None = None) -> Any:
    """What a run with --json printed, which must be of a type of the page."""
    assert (done.status, done.err) == (0, "")
    value = json.loads(done.out)
    (types or Types.of_page(PAGE)).check(value, kind)
    return value
