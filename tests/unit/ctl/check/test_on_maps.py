"""Whether the helper acts on maps, as far as can be told without one."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl.check import on_maps
from prhelper.ctl.check.subjects import Socket

from ....support.helper import wait_until


def status(handled: str, **more: Any) -> dict[str, Any]:
    return {"multipath": {"handled": handled, "mode": "auto", "socket": None, "reason": None, **more}}


def test_daemon_that_refuses_says_why() -> None:
    assert on_maps.refusal(status("no", reason="it is off"), []) == "it is off"


@pytest.fixture
def qemus_helper(tmp_path: Path) -> Iterator[Path]:
    """The socket of a program that has the name of QEMU's."""
    program, path = tmp_path / "qemu-pr-helper", tmp_path / "socket"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with subprocess.Popen([program, "60"], pass_fds=[listener.fileno()]) as process:
            listener.close()
            wait_until(lambda: Path(f"/proc/{process.pid}/exe").readlink().name == program.name)
            yield path
            process.kill()


@pytest.mark.parametrize("status", [None, status("here")])
def test_qemus_helper_that_is_built_without_multipath_is_told_of(
    qemus_helper: Path, status: dict[str, Any] | None
) -> None:
    told = on_maps.refusal(status, [Socket(qemus_helper, "helper", ())])
    assert told is not None
    assert "at helper) is built without libmpathpersist" in told


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
