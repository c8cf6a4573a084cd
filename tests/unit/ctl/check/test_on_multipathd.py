"""Whether multipathd can be asked: as who acts on maps says, or else as this process finds."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from prhelper.ctl.check import on_multipathd
from prhelper.device.multipath.multipathd import Multipathd

from ....support.multipathd_stand_in import message, pieces, serving
from ..daemon import Daemon


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def multipathd(tmp_path: Path) -> Iterator[Multipathd]:
    """One that this process reaches."""
    address = str(tmp_path / "multipathd")
    with serving(address, pieces(message(b"pid 1 running\n"))):
        yield Multipathd((address,), uid=os.getuid())


def answering(*told: Any) -> dict[str, list[Any]]:
    return {"GetStatus": [{"parameters": {"multipath": {"handled": "here", **each}}} for each in told]}


def reached(trouble: str | None, at: float | None = None) -> dict[str, Any]:
    return {"multipathd": {"asked_at": int((at or time.time()) * 1_000_000), "trouble": trouble}}


HERE = {"multipath": {"handled": "here"}}


def look(status: dict[str, Any] | None, control: Path, multipathd: Multipathd) -> list[tuple[str, bool]]:
    """What is seen, and whether the remedy is that of a multipathd that does not run."""
    found = on_multipathd.look("mpatha", status, control, multipathd)
    return [(each.seen, each.remedy == each.cause.remedy) for each in found]


def test_daemon_that_does_not_reach_it_though_we_do_is_what_is_to_be_mended(
    tmp_path: Path, multipathd: Multipathd
) -> None:
    with Daemon(tmp_path / "control", answering(reached("no way"))) as daemon:
        assert look(HERE, daemon.path, multipathd) == [("prhelper says: no way", False)]


def test_daemon_that_reaches_it_is_believed_though_we_do_not(tmp_path: Path) -> None:
    with Daemon(tmp_path / "control", answering(reached(None))) as daemon:
        assert look(HERE, daemon.path, Multipathd(())) == []


def test_nobody_reaches_it(tmp_path: Path) -> None:
    with Daemon(tmp_path / "control", answering(reached("no way"))) as daemon:
        assert look(HERE, daemon.path, Multipathd(())) == [("prhelper says: no way", True)]


def test_what_was_so_long_ago_is_not_told(
    tmp_path: Path, multipathd: Multipathd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_multipathd, "PATIENCE", 0.0)
    with Daemon(tmp_path / "control", answering(reached("no way", time.time() - 60))) as daemon:
        assert look(HERE, daemon.path, multipathd) == []


@pytest.mark.parametrize("status", [None, HERE, {"multipath": {"handled": "no"}}])
def test_where_nobody_tells_we_ask(status: dict[str, Any] | None, tmp_path: Path, multipathd: Multipathd) -> None:
    assert look(status, tmp_path / "none", multipathd) == []
    ((seen, _),) = look(status, tmp_path / "none", Multipathd(()))
    assert seen.startswith("multipathd cannot be reached")


def test_user_whom_multipathd_does_not_serve_finds_nothing_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert look(None, tmp_path / "none", Multipathd(())) == []


@contextmanager
def worker(path: Path) -> Iterator[dict[str, Any]]:
    """A worker that greets. The status of a daemon that has it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(bytes(4))

        thread = threading.Thread(target=greet)
        thread.start()
        yield {"multipath": {"handled": "worker", "socket": str(path)}}
        thread.join()


def test_worker_is_asked_itself_once_it_is_up(
    tmp_path: Path, multipathd: Multipathd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_multipathd, "WORKER_CONTROL", tmp_path / "control")
    with worker(tmp_path / "worker") as status, Daemon(tmp_path / "control", answering(reached("no way"))):
        ((seen, _),) = look(status, tmp_path / "none", multipathd)
    assert seen == "prhelper-multipath.service says: no way"


def test_worker_that_does_not_come_up_tells_nothing(tmp_path: Path, multipathd: Multipathd) -> None:
    status = {"multipath": {"handled": "worker", "socket": str(tmp_path / "none")}}
    assert look(status, tmp_path / "none", multipathd) == []
