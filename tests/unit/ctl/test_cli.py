"""What becomes of output that cannot be written, and of a fault of the program itself."""

import io
import os
from pathlib import Path

import pytest

from prhelper.ctl.cli import main
from prhelper.ctl.output import say

from .daemon import Daemon

COMMANDS = [["log-level"], ["log-level", "--json"]]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path / "control", {"GetStatus": [{"parameters": {"log": {"level": "info"}}}]})


@pytest.mark.parametrize("command", COMMANDS)
def test_output_that_has_no_room_is_an_error_of_its_own(
    daemon: Daemon, command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with daemon, open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr("sys.stdout", full)
        assert main([*command, "-c", str(daemon.path)]) == 74
        full.flush()  # as the interpreter does at exit
    assert capfd.readouterr().err == "prhelperctl: standard output: No space left on device\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_reader_that_has_seen_enough_ends_it_without_a_word(
    daemon: Daemon, command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with daemon, open(writing, "w") as broken:  # noqa: PTH123
        monkeypatch.setattr("sys.stdout", broken)
        assert main([*command, "-c", str(daemon.path)]) == 141
    assert capfd.readouterr().err == ""


def test_without_standard_output_its_status_is_left(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with daemon:
        assert main(["log-level", "-c", str(daemon.path)]) == 0


def test_letters_that_the_terminal_has_not_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    with io.TextIOWrapper(io.BytesIO(), encoding="latin-1") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        say("machine Ω on /dev/\udcff, é")
        written = terminal.buffer
        assert isinstance(written, io.BytesIO)
        assert written.getvalue() == b"machine \\u03a9 on /dev/\\udcff, \xe9\n"


def test_fault_of_the_program_is_no_finding_of_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("prhelper.ctl.check.command.gather", lambda options: options.no_such_option)
    assert main(["check"]) == 70
    assert "AttributeError" in capsys.readouterr().err
