"""-d: the parent waits, and tells by its exit status and on standard error how the start went.

The daemon is nobody's child here; its end is seen through a pidfd, which needs no parent.
"""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ....support.client import Client
from ....support.helper import OURS, run_to_end, wait_until


class Daemon:
    """A helper that was started with -d."""

    def __init__(self, directory: Path, start: Callable[..., subprocess.CompletedProcess[str]] = run_to_end) -> None:
        self.socket = directory / "helper.sock"
        self.pidfile = directory / "pid"
        self.start = start("-d", "-k", self.socket, "-f", self.pidfile)
        self.pid = int(self.pidfile.read_text())
        self._pidfd = os.pidfd_open(self.pid)

    def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)
        assert select.select([self._pidfd], [], [], 20.0)[0], "the daemon does not stop"

    def close(self) -> None:
        if not select.select([self._pidfd], [], [], 0)[0]:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.close()


def test_the_parent_exits_with_0_when_the_daemon_serves(daemon: Daemon) -> None:
    assert daemon.start.returncode == 0
    assert "Traceback" not in daemon.start.stderr
    with Client(daemon.socket):
        pass


def test_the_daemon_has_a_session_of_its_own_no_terminal_and_no_directory(daemon: Daemon) -> None:
    assert os.getsid(daemon.pid) == daemon.pid
    assert Path(f"/proc/{daemon.pid}/cwd").readlink() == Path("/")
    for standard in (0, 1, 2):
        assert Path(f"/proc/{daemon.pid}/fd/{standard}").readlink() == Path("/dev/null")


@pytest.mark.parametrize("redirections", ["2>&-", "0<&- 1>&- 2>&-"])
def test_with_standard_descriptors_closed_the_parent_leaves_the_daemon_its_files(
    tmp_path: Path, redirections: str
) -> None:
    def start(*options: str | Path) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", f'exec "$@" {redirections}', "sh", *OURS, *map(str, options)]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    daemon = Daemon(tmp_path, start)
    try:
        assert daemon.start.returncode == 0
        with Client(daemon.socket):
            pass
        daemon.stop()
        assert not daemon.socket.exists()
    finally:
        daemon.close()


@pytest.mark.parametrize("redirections", ["0<&-", "1>&-", "0<&- 1>&- 2>&-"])
def test_traces_reach_their_file_though_standard_descriptors_were_closed(tmp_path: Path, redirections: str) -> None:
    def start(*options: str | Path) -> subprocess.CompletedProcess[str]:
        trace = ["-T", f"prh_client_connect,file={tmp_path}/trace"]
        command = ["sh", "-c", f'exec "$@" {redirections}', "sh", *OURS, *trace, *map(str, options)]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    daemon = Daemon(tmp_path, start)
    try:
        with Client(daemon.socket):
            pass
        daemon.stop()
        assert "prh_client_connect" in (tmp_path / "trace").read_text()
    finally:
        daemon.close()


def test_a_parent_that_is_ended_takes_nothing_along(tmp_path: Path) -> None:
    path, pidfile = tmp_path / "helper.sock", tmp_path / "pid"
    parent = subprocess.Popen([*OURS, "-d", "-k", str(path), "-f", str(pidfile)])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_until(lambda: parent.poll() is not None or children.read_text(), what="the daemon to be forked")
    parent.terminate()
    parent.wait(20)
    wait_until(pidfile.exists, what="the pidfile")
    daemon = os.pidfd_open(int(pidfile.read_text()))
    with Client(path):
        pass
    signal.pidfd_send_signal(daemon, signal.SIGTERM)
    assert select.select([daemon], [], [], 20.0)[0], "the daemon does not stop"
    os.close(daemon)


def test_the_daemon_removes_its_files_at_the_end(daemon: Daemon) -> None:
    daemon.stop()
    assert not daemon.socket.exists()
    assert not daemon.pidfile.exists()


def test_a_second_start_on_its_pidfile_fails_in_the_background_and_in_front(daemon: Daemon, tmp_path: Path) -> None:
    other = tmp_path / "other.sock"
    for options in (("-d",), ()):
        done = run_to_end(*options, "-k", other, "-f", daemon.pidfile)
        assert done.returncode == 1
        assert f"--pidfile {daemon.pidfile}: process {daemon.pid} is running on it already" in done.stderr
        assert not other.exists()
    with Client(daemon.socket):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-k", "{}/none/h.sock", "-f", "{}/pid"), "--socket {}/none/h.sock: No such file or directory"),
        (("-k", "{}/h.sock", "-f", "{}/none/pid"), "--pidfile {}/none/pid: No such file or directory"),
        (("-k", "{}/h.sock", "-f", "{}/pid", "-u", "no-such-user"), "--user no-such-user: there is no such user"),
    ],
    ids=["socket", "pidfile", "user"],
)
def test_a_start_that_fails_is_told_by_the_parent(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = run_to_end("-d", *(option.replace("{}", str(tmp_path)) for option in options))
    assert done.returncode == 1
    assert message.replace("{}", str(tmp_path)) in done.stderr
    assert list(tmp_path.iterdir()) == []
