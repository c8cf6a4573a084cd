"""The pidfile: one holder, and no litter."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from prhelper.host.pidfile import Pidfile, PidfileError, SharedPidfile

TAKE = "import sys; from pathlib import Path; from prhelper.host.pidfile import Pidfile; Pidfile(Path(sys.argv[1]))"


def take_in_another_process(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", TAKE, str(path)], capture_output=True, text=True, check=False)


def test_pidfile_holds_the_pid_and_is_removed_with_it(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    pidfile = Pidfile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    pidfile.remove()
    assert not path.exists()


def test_second_holder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    pidfile = Pidfile(tmp_path / "pid")
    second = take_in_another_process(tmp_path / "pid")
    pidfile.remove()
    assert second.returncode == 1
    assert f"process {os.getpid()} is running on it already" in second.stderr


def test_lock_outlives_a_descriptor_of_the_same_file_that_a_client_passed(tmp_path: Path) -> None:
    pidfile = Pidfile(tmp_path / "pid")
    os.close(os.open(tmp_path / "pid", os.O_RDONLY))
    second = take_in_another_process(tmp_path / "pid")
    pidfile.remove()
    assert second.returncode == 1


def test_pidfile_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("999999999999\n")
    pidfile = Pidfile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    pidfile.remove()


@pytest.mark.parametrize("left_behind", [False, True], ids=["new", "left behind with 0644"])
def test_no_other_user_can_open_it_and_so_lock_it(tmp_path: Path, left_behind: bool) -> None:
    path = tmp_path / "pid"
    if left_behind:
        path.touch()
        path.chmod(0o644)
    pidfile = Pidfile(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    pidfile.remove()
    assert mode == 0o600


def test_file_that_replaced_it_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    pidfile = Pidfile(path)
    path.unlink()
    path.write_text("somebody else's")
    pidfile.remove()
    assert path.read_text() == "somebody else's"


@pytest.mark.parametrize("name", ["no/such/directory/pid", "."], ids=["no directory", "a directory"])
def test_path_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(PidfileError, match="--pidfile"):
        Pidfile(tmp_path / name)


def test_one_that_is_shared_stays_the_first_ones_until_it_is_owned(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    first = Pidfile(path)
    SharedPidfile(path, os.dup(first.fileno())).remove()
    assert path.exists()
    second = SharedPidfile(path, os.dup(first.fileno()))
    path.write_text("0\n")
    second.own()
    assert path.read_text() == f"{os.getpid()}\n"
    first.give_up()
    first.remove()
    assert path.exists()
    assert take_in_another_process(path).returncode == 1
    second.remove()
    assert not path.exists()
