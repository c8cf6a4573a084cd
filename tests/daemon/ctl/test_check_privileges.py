"""check: what the helper may do, and that what it does fences no data."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from prhelper.ctl.check import privileges

from ...support.checking import check
from ...support.helper import Helper, is_listening, wait_until
from ...support.programs import require_program, require_user_namespace

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take privileges away")


@pytest.fixture
def started_by() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.terminate()
        process.wait()


def start_under(started_by: list[subprocess.Popen[bytes]], path: Path, *under: str) -> None:
    command = [*under, sys.executable, "-I", "-m", "prhelper", "-q", "-k", str(path)]
    started_by.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    wait_until(path.is_socket)


@NEEDS_ROOT
def test_helper_without_its_capability(tmp_path: Path, started_by: list[subprocess.Popen[bytes]]) -> None:
    setpriv = require_program("setpriv", "util-linux")
    start_under(started_by, tmp_path / "socket", setpriv, "--bounding-set=-sys_rawio")
    found = check("-k", tmp_path / "socket")
    assert found.codes == ["no-capability"]
    finding = found.one("no-capability")
    assert "CapEff" in finding["seen"]
    assert "--cap-add=SYS_RAWIO" in finding["remedy"], "to start it as root is no remedy: it is"


@NEEDS_ROOT
def test_helper_in_the_user_namespace_of_a_container(tmp_path: Path, started_by: list[subprocess.Popen[bytes]]) -> None:
    start_under(started_by, tmp_path / "socket", *require_user_namespace())
    assert check("-k", tmp_path / "socket").codes == ["user-namespace"]


@NEEDS_ROOT
def test_user_namespace_is_found_though_it_maps_every_user_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the one of the host, where that has another number than here."""
    if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        pytest.skip("this is a user namespace of some users")
    monkeypatch.setattr(privileges, "_FIRST", "user:[1]")
    with Helper(tmp_path, options=["-q"]) as helper:
        finding = check("-k", helper.socket).one("user-namespace")
    assert "is not user:[1], though it maps every user to itself" in finding["seen"]


@NEEDS_ROOT
def test_two_causes_at_once_are_both_found(tmp_path: Path, started_by: list[subprocess.Popen[bytes]]) -> None:
    setpriv = require_program("setpriv", "util-linux")
    start_under(started_by, tmp_path / "socket", setpriv, "--bounding-set=-sys_rawio")
    assert check("-k", tmp_path / "socket", "--as", "nobody").codes == ["socket-closed-to-user", "no-capability"]


def test_reservations_that_are_emulated_are_warned_of(tmp_path: Path) -> None:
    control = tmp_path / "control"
    options = ["--emulate=all", f"--state-directory={tmp_path / 'state'}", f"--control={control}"]
    with Helper(tmp_path, options=options) as helper:
        assert check("-k", helper.socket, "-c", control).codes == ["emulated"]


def test_socket_of_another_helper_than_the_one_that_is_asked_is_not_said_to_be_emulated(
    tmp_path: Path, stack: ExitStack
) -> None:
    folders = [tmp_path / name for name in ("asked", "looked_at")]
    for folder in folders:
        folder.mkdir()
    control = tmp_path / "control"
    options = ["-q", "--emulate=all", f"--state-directory={tmp_path / 'state'}", f"--control={control}"]
    asked = stack.enter_context(Helper(folders[0], options=options))
    looked_at = stack.enter_context(Helper(folders[1], options=["-q"]))
    wait_until(lambda: is_listening(control))
    assert check("-k", looked_at.socket, "-c", control).codes == []
    (tmp_path / "link").symlink_to(asked.socket)
    assert check("-k", tmp_path / "link", "-c", control).codes == ["emulated"]


@pytest.mark.parametrize("option", [["--emulate"], ["--emulate", "all"], ["--emulate=missing"]])
def test_emulation_is_found_though_the_daemon_cannot_be_asked(
    tmp_path: Path, no_control: Path, option: list[str]
) -> None:
    with Helper(tmp_path, options=["-q", *option, f"--state-directory={tmp_path / 'state'}"]) as helper:
        finding = check("-k", helper.socket, "-c", no_control).one("emulated")
        assert finding["seen"].endswith("=all" if "all" in option else "=missing")
