"""Whether the helper acts on maps, as far as can be told without one."""

import socket
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl.check import on_maps
from prhelper.ctl.check.subjects import Socket


def status(handled: str, **more: Any) -> dict[str, Any]:
    return {"multipath": {"handled": handled, "mode": "auto", "socket": None, "reason": None, **more}}


def test_daemon_that_refuses_says_why() -> None:
    assert on_maps.refusal(status("no", reason="it is off"), []) == "it is off"


def test_daemon_that_acts_itself_is_believed() -> None:
    assert on_maps.refusal(status("here"), []) is None


def test_worker_is_believed_in_if_it_listens(tmp_path: Path) -> None:
    path = tmp_path / "worker"
    refused = on_maps.refusal(status("worker", socket=str(path)), [])
    assert refused == f"no worker serves {path}: No such file or directory"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert on_maps.refusal(status("worker", socket=str(path)), []) is None


@pytest.mark.parametrize(
    ("uid", "there_is_a_worker", "refused"), [(0, False, False), (1, True, False), (1, False, True)]
)
def test_without_a_daemon_to_ask_it_is_told_by_its_user_and_a_workers_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, there_is_a_worker: bool, refused: bool
) -> None:
    worker = tmp_path / "worker"
    monkeypatch.setattr(on_maps, "DEFAULT_MULTIPATH_SOCKET", worker)
    monkeypatch.setattr(on_maps, "uid_of_helper", lambda *_: uid)
    with socket.socket(socket.AF_UNIX) as listener:
        if there_is_a_worker:
            listener.bind(str(worker))
        told = on_maps.refusal(None, [Socket(tmp_path / "helper", "helper", ())])
    assert (told is not None) == refused
