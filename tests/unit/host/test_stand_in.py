"""The process that ends in place of one that cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...support.helper import wait_until

END = "from prhelper.host.stand_in import end_for_the_manager; end_for_the_manager()"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        yield manager


def end(address: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "NOTIFY_SOCKET": address}
    return subprocess.Popen([sys.executable, "-c", END], env=environment, cwd=Path(__file__).parents[3])


def parent(pid: int) -> int:
    """The parent of a process that lives; 0 if it does not."""
    try:
        state, number, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0
    return 0 if state == "Z" else int(number)


def stand_in(manager: socket.socket) -> int:
    name, _, pid = manager.recv(100).decode().partition("=")
    assert name == "MAINPID"
    return int(pid)


def test_it_lives_until_the_manager_has_read_of_it_and_is_no_child_of_the_process(manager: socket.socket) -> None:
    with end(manager.getsockname()) as process:
        pid = stand_in(manager)
        message, (barrier,), _, _ = socket.recv_fds(manager, 100, 1)
        assert message == b"BARRIER=1"
        assert parent(pid) not in (0, process.pid)
        os.close(barrier)
        assert process.wait(20) == 0
    wait_until(lambda: parent(pid) == 0, what="the stand-in to end")


@pytest.mark.slow
def test_a_manager_that_does_not_answer_is_not_waited_for_long(manager: socket.socket) -> None:
    with end(manager.getsockname()) as process:
        pid = stand_in(manager)
        assert process.wait(20) == 0
    wait_until(lambda: parent(pid) == 0, what="the stand-in to end")


def test_without_a_manager_there_is_none() -> None:
    with end("") as process:
        assert process.wait(20) == 0
