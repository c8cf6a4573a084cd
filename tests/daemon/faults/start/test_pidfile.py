"""The pidfile: only with -d or -f, with the number of the process that serves, locked, and removed at the end."""

import os
from pathlib import Path

from ....support.client import Client
from ....support.helper import Helper, run_to_end

DEFAULT_PIDFILE = Path("/run/qemu-pr-helper.pid")


def test_without_the_option_there_is_none(tmp_path: Path) -> None:
    with Helper(tmp_path) as helper:
        with Client(helper.socket):
            assert {path.name for path in tmp_path.iterdir()} == {"helper.sock", "helper.log"}
            assert not DEFAULT_PIDFILE.exists() or DEFAULT_PIDFILE.read_text().strip() != str(helper.pid)
        assert helper.stop() == 0


def test_it_has_the_number_and_is_removed_at_the_end(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    with Helper(tmp_path, options=["-f", str(pidfile)]) as helper, Client(helper.socket):
        assert pidfile.read_text() == f"{helper.pid}\n"
        assert helper.stop() == 0
        assert not pidfile.exists()


def test_a_second_start_on_it_is_refused_and_names_the_first(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    with Helper(tmp_path, options=["-f", str(pidfile)]) as helper, Client(helper.socket):
        done = run_to_end("-k", tmp_path / "other.sock", "-f", pidfile)
        assert done.returncode == 1
        assert f"--pidfile {pidfile}: process {helper.pid} is running on it already" in done.stderr
        assert pidfile.read_text() == f"{helper.pid}\n"
        assert not (tmp_path / "other.sock").exists()
        with Client(helper.socket):
            pass


def test_one_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text("4194303999 and more than the new number takes\n")
    with Helper(tmp_path, options=["-f", str(pidfile)]) as helper, Client(helper.socket):
        assert pidfile.read_text() == f"{helper.pid}\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    pidfile = tmp_path / "pid"
    pidfile.symlink_to(target)
    done = run_to_end("-k", tmp_path / "helper.sock", "-f", pidfile)
    assert done.returncode == 1
    assert f"--pidfile {pidfile}: " in done.stderr
    assert target.read_text() == "precious"
    assert not (tmp_path / "helper.sock").exists()


def test_a_file_that_took_its_place_is_not_removed(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    with Helper(tmp_path, options=["-f", str(pidfile)]) as helper, Client(helper.socket):
        (tmp_path / "new").write_text("precious")
        (tmp_path / "new").rename(pidfile)
        assert helper.stop() == 0
        assert pidfile.read_text() == "precious"


def test_a_relative_path_is_meant_from_where_the_helper_was_started(tmp_path: Path) -> None:
    with Helper(tmp_path, options=["-f", "pid"], cwd=tmp_path) as helper, Client(helper.socket):
        assert (tmp_path / "pid").read_text() == f"{helper.pid}\n"
        assert helper.stop() == 0
        assert not (tmp_path / "pid").exists()


def test_what_is_no_regular_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o644)
    before = path.stat()
    done = run_to_end("-k", tmp_path / "helper.sock", "-f", path)
    assert (done.returncode, done.stderr) == (
        1,
        f"prhelper: --pidfile {path}: is not a regular file; choose another path\n",
    )
    assert path.stat() == before
