"""What bash offers, by the program's own help."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.logs import trace

from ...support.programs import require_program

COMPLETION = Path(__file__).parents[3] / "packaging" / "prhelperctl.bash"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    for name, module in (("prhelperctl", "prhelper.ctl"), ("prhelper", "prhelper")):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        script.chmod(0o755)
    (tmp_path / "disk.img").write_text("")
    return tmp_path / "prhelperctl"


def offered(program: Path, *words: str) -> list[str]:
    """The completions of the last word."""
    bash = require_program("bash", "bash")
    line = " ".join(f"'{word}'" for word in (str(program), *words))
    script = (
        f"source '{COMPLETION}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}\n"
        '_prhelperctl 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [bash, "-c", script], capture_output=True, text=True, timeout=30, check=True, cwd=program.parent
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []


def test_subcommands_are_offered(program: Path) -> None:
    assert {"register", "register-and-move", "reserve", "release"} <= set(offered(program, "re"))
    assert all(word.startswith("re") for word in offered(program, "re"))
    assert offered(program, "sho") == ["show"]


def test_options_are_offered(program: Path) -> None:
    assert offered(program, "reserve", "--p") == ["--param-rk", "--prout-type"]
    assert offered(program, "reserve", "-T", "") == ["1", "3", "5", "6", "7", "8"]
    assert offered(program, "--") == ["--help", "--version"]


def test_value_is_offered_after_an_equals_sign_which_is_a_word_to_bash(program: Path) -> None:
    assert offered(program, "reserve", "--prout-type", "=") == ["1", "3", "5", "6", "7", "8"]
    assert offered(program, "reserve", "--prout-type", "=", "5") == ["5"]
    assert offered(program, "check", "--as", "=", "roo") == ["root"]


def test_levels_and_users_are_offered(program: Path) -> None:
    assert offered(program, "log-level", "d") == ["debug"]
    assert offered(program, "check", "--as", "roo") == ["root"]


def test_trace_events_are_offered(program: Path) -> None:
    assert offered(program, "trace", "--off", "") == [event.name for event in trace.EVENTS]


def test_disks_are_offered_as_files_and_to_those_that_take_one(program: Path) -> None:
    assert offered(program, "show", f"{program.parent}/d") == [f"{program.parent}/disk.img"]
    assert offered(program, "status", f"{program.parent}/d") == []


def test_nothing_is_offered_for_a_key(program: Path) -> None:
    assert offered(program, "reserve", "-K", "") == []


@pytest.fixture
def machines() -> Iterator[None]:
    """Two processes that look like QEMUs; one has chosen a name that would do something in a shell."""
    names = ("completed db 1", "completed $(>run)")
    lines = [["qemu-system-test", "-c", "read -r line", "-name", f"guest={name}"] for name in names]
    ends = subprocess.PIPE
    running = [subprocess.Popen(line, executable="/bin/sh", stdin=ends) for line in lines]
    yield
    for process in running:
        process.communicate(timeout=20)


@pytest.mark.usefixtures("machines")
def test_machines_are_offered_and_their_names_do_nothing(program: Path, tmp_path: Path) -> None:
    names = offered(program, "check", "--vm", "completed")
    assert sorted(names) == [r"completed\ \$\(\>run\)", r"completed\ db\ 1"]
    assert not (tmp_path / "run").exists()


def test_tab_key_completes_what_follows_an_equals_sign() -> None:
    """As bash itself takes the line apart."""
    bash = require_program("bash", "bash")
    ours, terminal = pty.openpty()
    said = b""

    def type_when_told(what: bytes, text: str) -> None:
        nonlocal said
        while what not in said:
            said += os.read(ours, 4096)
        said = b""
        os.write(ours, text.encode())

    command = [bash, "--norc", "--noprofile", "-i"]
    env = {**os.environ, "PS1": "<prompt>"}
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=env, start_new_session=True
    ) as shell:
        os.close(terminal)
        type_when_told(b"<prompt>", f"source '{COMPLETION}'; prhelperctl() {{ echo \"[$*]\"; }}\n")
        type_when_told(b"<prompt>", "prhelperctl check --as=roo\t\n")
        type_when_told(b"[check --as=root]", "")
        shell.kill()
    os.close(ours)
