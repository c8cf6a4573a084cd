"""Whose word is taken for what a socket's helper does."""

import argparse
import contextlib
from pathlib import Path
from typing import Any

import pytest

from prhelper.client import DEFAULT_SOCKET
from prhelper.ctl.check import listening
from prhelper.ctl.check.causes import CONTROL_SILENT
from prhelper.ctl.check.command import _Check, _status_of
from prhelper.ctl.check.subjects import Socket, Subjects
from prhelper.ctl.check.users import ourselves
from prhelper.ctl.exits import ToolError

from ..daemon import INTERFACE, Daemon

OTHER = Path("/run/other.sock")


@pytest.mark.parametrize(
    ("path", "told", "served_by", "ours"),
    [
        (OTHER, str(OTHER), None, True),
        (OTHER, "/run/its.sock", 8, False),
        (OTHER, "/run/its.sock", 7, True),  # by a link, or another mount
        (OTHER, None, 7, True),
        (OTHER, None, 8, False),
        (OTHER, None, None, False),
        (DEFAULT_SOCKET, None, None, True),
    ],
)
def test_daemon_is_asked_about_the_socket_that_it_serves(
    monkeypatch: pytest.MonkeyPatch, path: Path, told: str | None, served_by: int | None, ours: bool
) -> None:
    monkeypatch.setattr(listening, "server_pid", lambda _: served_by)
    looking = _Check(argparse.Namespace(), Subjects([], [], ourselves(), [], []))
    status: dict[str, Any] = {"socket": told, "pid": 7}
    looking._status = status
    assert looking._is_ours(Socket(path, str(path), ())) == ours
    looking._status = None
    assert not looking._is_ours(Socket(path, str(path), ()))


@pytest.mark.parametrize("told", [{"multipath": 3}, {"multipath": {"handled": "no"}}])
def test_what_another_program_says_is_no_status(told: dict[str, Any], tmp_path: Path) -> None:
    others = {"pid": 1, "socket": None, "emulate": None}
    is_status = told["multipath"] != 3
    expected = contextlib.nullcontext() if is_status else pytest.raises(ToolError, match="it is no prhelper")
    with Daemon(tmp_path / "control", {"GetStatus": [{"parameters": others | told}]}), expected:
        assert _status_of(tmp_path / "control") is not None


def test_daemon_that_has_said_nothing_of_itself_is_asked_nothing_more(tmp_path: Path) -> None:
    """It may hang, and each question costs the time of a patience."""
    looking = _Check(argparse.Namespace(control=tmp_path / "control"), Subjects([], [], ourselves(), [], []))
    with Daemon(tmp_path / "control", {"GetStatus": [None], "GetDevices": [None]}) as daemon:
        (finding,) = looking._ask_daemon()
    assert [call["method"] for call in daemon.calls] == [f"{INTERFACE}.GetStatus"]
    assert (finding.cause, finding.about) == (CONTROL_SILENT, str(tmp_path / "control"))


def test_nothing_is_wrong_with_a_daemon_without_a_control_socket(tmp_path: Path) -> None:
    looking = _Check(argparse.Namespace(control=tmp_path / "control"), Subjects([], [], ourselves(), [], []))
    assert not [*looking._ask_daemon()]
