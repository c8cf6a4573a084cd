"""check: sockets that somebody serves, but not so that a client gets there, and helpers that are hard to find."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.check import listening, serving

from ...support.checking import check
from ...support.client import Client
from ...support.helper import OURS, Helper, wait_until
from ...support.programs import require_mount_namespace, require_program

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take a capability away")
CHECK = f"{sys.executable} -m prhelper.ctl check"


def in_a_namespace(script: str) -> list[str]:
    """A command that runs a shell script where mounts are its own."""
    return [require_mount_namespace(), "--mount", "sh", "-ec", script]


def listener(path: Path, kind: int = socket.SOCK_STREAM) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(str(path))
    one.listen(0)
    return one


def test_path_that_is_too_long_for_a_socket_is_told_with_the_limit(tmp_path: Path) -> None:
    finding = check("-k", tmp_path / ("x" * 107)).one("path-too-long")
    assert "at most 107 bytes" in finding["remedy"]
    assert f"it has {len(str(tmp_path)) + 108} bytes" in finding["seen"]


def test_socket_of_another_type_is_no_helpers(tmp_path: Path) -> None:
    with listener(tmp_path / "socket", socket.SOCK_SEQPACKET):
        assert check("-k", tmp_path / "socket").codes == ["not-a-socket"]


def test_helper_that_hangs_and_lets_nobody_wait_any_more_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prhelper.ctl.check.serving.PATIENCE", 0.2)
    path = tmp_path / "socket"
    with listener(path), socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.connect(str(path))
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.connect(str(path))
        assert check("-k", path).codes == ["helper-silent"]


def test_socket_whose_file_was_removed_is_not_said_to_have_no_helper(tmp_path: Path) -> None:
    with Helper(tmp_path, options=["-q"]) as helper:
        helper.socket.unlink()
        finding = check("-k", helper.socket).one("socket-gone")
        assert f"pid {helper.pid} listens there, but the file was removed" in finding["seen"]


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A helper whose socket is in a mount namespace of its own."""
    command = " ".join([*OURS, "-q", "-k", str(tmp_path / "socket")])
    process = subprocess.Popen(in_a_namespace(f"mount -t tmpfs none {tmp_path}; exec {command}"))
    wait_until(lambda: Path(f"/proc/{process.pid}/root{tmp_path / 'socket'}").is_socket(), what="the socket")
    yield process
    process.terminate()
    process.wait()


def test_socket_in_a_mount_namespace_of_its_own_is_said_to_be_there(
    tmp_path: Path, hidden: subprocess.Popen[bytes]
) -> None:
    finding = check("-k", tmp_path / "socket").one("socket-gone")
    assert f"pid {hidden.pid} listens there, in a mount namespace of its own" in finding["seen"]
    assert "PrivateTmp=" in finding["remedy"]
    seen_from_here = Path(f"/proc/{hidden.pid}/root{tmp_path / 'socket'}")
    assert check("-k", seen_from_here).codes == []


def test_directory_without_room_for_a_socket_is_named(tmp_path: Path) -> None:
    script = f"mount -t tmpfs -o nr_inodes=1 none {tmp_path}; exec {CHECK} -k {tmp_path}/socket"
    done = subprocess.run(in_a_namespace(script), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (2, "")
    assert f"{tmp_path} is full" in " ".join(done.stdout.split())


def start_in_background(tmp_path: Path, *under: str) -> int:
    """The PID of a helper that has become a daemon: another than the one that has made its socket."""
    pidfile, path = tmp_path / "pid", tmp_path / "helper.sock"
    subprocess.run([*under, *OURS, "-q", "-d", "-k", str(path), "-f", str(pidfile)], check=True, timeout=30)
    Client(path).close()
    return int(pidfile.read_text())


@NEEDS_ROOT
def test_helper_in_the_background_is_found_by_its_socket(tmp_path: Path) -> None:
    """The kernel names the process that has made it, which has ended."""
    setpriv = require_program("setpriv", "util-linux")
    pid = start_in_background(tmp_path, setpriv, "--bounding-set=-sys_rawio")
    try:
        assert listening.server_pid(tmp_path / "helper.sock") == pid
        assert f"/proc/{pid}/status" in check("-k", tmp_path / "helper.sock").one("no-capability")["seen"]
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not (tmp_path / "pid").exists())


def test_process_whose_number_is_anothers_by_now_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener(tmp_path / "socket"):
        assert listening.server_pid(tmp_path / "socket") == os.getpid()
        monkeypatch.setattr(listening, "sockets_of", lambda _: [])
        assert listening.server_pid(tmp_path / "socket") is None


def test_helper_at_the_usual_place_that_was_stopped_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.3)
    with Helper(tmp_path, options=["-q"]) as helper:
        Client(helper.socket).close()
        os.kill(helper.pid, signal.SIGSTOP)
        try:
            (finding,) = serving.look(helper.socket, "usual", is_default=True)
        finally:
            os.kill(helper.pid, signal.SIGCONT)
    assert f"pid {helper.pid} is stopped" in finding.seen
    assert finding.remedy == f"kill -CONT {helper.pid}"


def test_path_that_is_too_long_only_from_here_is_not_blamed_on_the_helper(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * (107 - len(str(tmp_path))))
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        descriptor = os.open(folder, os.O_PATH)
        one.bind(f"/proc/self/fd/{descriptor}/socket")
        os.close(descriptor)
        assert list(serving.look(folder / "socket", "/run/socket", is_default=False)) == []
