"""The socket file: replaced only when nobody listens there any more, with the mode asked for, removed by its maker."""

import os
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ....support.client import Client
from ....support.helper import OURS, Helper, run_to_end, wait_until
from ....support.hold import Hold, build
from ....support.spc import reserve_in


def make_file(path: Path) -> None:
    path.write_text("precious")


def make_directory(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_link_to_a_file(path: Path) -> None:
    make_file(path.with_name("target"))
    path.symlink_to("target")


def make_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def identity(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino, status.st_mode


@pytest.mark.parametrize("make", [make_file, make_directory, make_fifo, make_link_to_a_file, make_dangling_link])
def test_a_file_that_is_no_socket_is_refused_and_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "helper.sock"
    make(path)
    before = identity(path)
    done = run_to_end("-k", path)
    assert done.returncode == 1
    assert f"--socket {path}: exists and is not a socket; remove it" in done.stderr
    assert identity(path) == before


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    with Helper(tmp_path) as killed:
        killed.kill()
        assert killed.socket.is_socket()
    with Helper(tmp_path) as helper, Client(helper.socket):
        assert helper.stop() == 0


def test_a_socket_that_somebody_listens_on_is_refused_and_goes_on(tmp_path: Path) -> None:
    with Helper(tmp_path) as helper:
        done = run_to_end("-k", helper.socket)
        assert done.returncode == 1
        assert f"--socket {helper.socket}: another process listens there; stop that process" in done.stderr
        with Client(helper.socket):
            pass


def test_a_listener_that_accepts_nobody_is_a_listener_still(tmp_path: Path) -> None:
    path = tmp_path / "full.sock"
    waiting = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(4):
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(str(path))
        done = run_to_end("-k", path)
    for sock in waiting:
        sock.close()
    assert done.returncode == 1
    assert "another process listens there" in done.stderr


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o777], ids=oct)
@pytest.mark.parametrize(
    ("options", "mode"),
    [((), 0o600), (("--socket-mode", "0660"), 0o660), (("--socket-mode", "666"), 0o666)],
    ids=lambda value: oct(value) if isinstance(value, int) else "",
)
def test_the_mode_is_the_one_asked_for_whatever_the_umask(
    tmp_path: Path, options: tuple[str, ...], mode: int, umask: int
) -> None:
    command = ["sh", "-c", f'umask {umask:o}; exec "$@"', "sh", *OURS]
    with Helper(tmp_path, command, options) as helper:
        assert stat.S_IMODE(helper.socket.stat().st_mode) == mode
        assert helper.stop() == 0


def test_the_file_is_removed_at_the_end(tmp_path: Path) -> None:
    with Helper(tmp_path) as helper:
        assert helper.stop() == 0
        assert not helper.socket.exists()


@pytest.mark.parametrize("make", [make_file, make_directory, make_dangling_link])
def test_a_file_that_took_its_place_is_not_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    with Helper(tmp_path) as helper:
        helper.socket.unlink()
        make(helper.socket)
        before = identity(helper.socket)
        assert helper.stop() == 0
        assert identity(helper.socket) == before


def test_a_helper_that_took_its_place_keeps_its_socket(tmp_path: Path) -> None:
    with Helper(tmp_path) as first:
        first.socket.unlink()
        with Helper(tmp_path) as second:
            assert first.stop() == 0
            with Client(second.socket):
                pass


def test_a_stop_that_is_slow_leaves_the_socket_of_the_next_helper_alone(tmp_path: Path) -> None:
    hold = Hold(build(tmp_path), tmp_path)
    with Helper(tmp_path, env=hold.env) as first:
        half_a_request = Client(first.socket)
        half_a_request.send(reserve_in(0)[:7])
        with Client(first.socket):
            pass  # it came later, so the half request has been read
        first.process.terminate()
        wait_until(lambda: not first.socket.exists(), what="the socket file to be removed")
        first.wait_for_log("stopping")
        with hold.next("unlink"):
            half_a_request.close()
            wait_until(lambda: first.process.poll() is not None or hold.holds("unlink"), what="the end, or an unlink")
            second = Helper(tmp_path)
        with second:
            assert first.process.wait(20) == 0
            with Client(second.socket):
                pass


def test_a_file_that_is_gone_already_is_no_trouble(tmp_path: Path) -> None:
    with Helper(tmp_path) as helper:
        helper.socket.unlink()
        assert helper.stop() == 0


@pytest.mark.parametrize("left_behind", [False, True], ids=["no file", "a socket left behind"])
def test_of_several_that_start_at_once_one_gets_the_socket(tmp_path: Path, left_behind: bool) -> None:
    path = tmp_path / "helper.sock"
    if left_behind:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    command = [*OURS, "-k", str(path)]
    starts = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        ends = [_end_of_start(process) for process in starts]
        assert sum("listening on" in end for end in ends) == 1
        assert sum(f"--socket {path}: " in end for end in ends) == 3
        with Client(path):
            pass
    finally:
        for process in starts:
            process.terminate()
            process.communicate(timeout=20)


def _end_of_start(process: subprocess.Popen[str]) -> str:
    """The line that says how a start went; warnings may come before it."""
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    return next((line for line in lines if "listening on" in line or "--socket" in line), "nothing was said")
