"""Files of a process that has another root directory, or another working directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prhelper.ctl.their_paths import in_their_root, reached

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for another root directory")
_PROGRAM = "import os, sys; {}(sys.argv[1]); print(flush=True); sys.stdin.read()"


@contextmanager
def process(does: str, folder: Path) -> Iterator[int]:
    """Another process, which has called that with a folder."""
    line = [sys.executable, "-c", _PROGRAM.format(does), str(folder)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started.pid
        started.communicate()


@NEEDS_ROOT
def test_link_in_another_root_directory_leads_within_it(tmp_path: Path) -> None:
    for place in ("run", "root/run", "root/var"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "root/run/file").write_text("theirs")
    (tmp_path / "root/var/run").symlink_to("/run")
    (tmp_path / "root/var/up").symlink_to("../../../run/file")
    (tmp_path / "root/loop").symlink_to("/loop")
    with process("os.chroot", tmp_path / "root") as pid:
        for name in ("/run/file", "/var/run/file", "/var/up", "/../run/./file"):
            assert reached(pid, name).read_text() == "theirs"
        assert not in_their_root(pid, "/loop").exists()


@NEEDS_ROOT
def test_file_that_both_see_has_its_own_path_and_so_has_one_that_is_here_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert reached(os.getpid(), f"{tmp_path}/file") == tmp_path / "file"
    (tmp_path / "root").mkdir()
    with process("os.chroot", tmp_path / "root") as pid:
        assert reached(pid, f"{tmp_path}/file") == tmp_path / "file"


def test_name_without_a_slash_is_in_the_working_directory_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")
    with process("os.chdir", tmp_path) as pid:
        assert reached(pid, "file") == tmp_path / "file"
        assert reached(pid, "none") == Path(f"/proc/{pid}/cwd/none")
