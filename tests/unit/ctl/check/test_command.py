"""Whose word is taken for what a socket's helper does."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from prhelper.client import DEFAULT_SOCKET
from prhelper.ctl.check import listening
from prhelper.ctl.check.command import _Check
from prhelper.ctl.check.subjects import Socket, Subjects
from prhelper.ctl.check.users import ourselves

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
