"""What outlives the helper, where it is kept, and what is said where that cannot be."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import Helper, run_to_end
from ...support.spc import CONFLICT, GOOD
from .conftest import Connect, Start

DATABASE = "emulated.sqlite"


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_with_aptpl_registrations_and_reservation_outlive_the_helper(
    start: Start, connect: Connect, *, killed: bool
) -> None:
    helper = start()
    node = connect(helper)
    assert (node.register(0xA, aptpl=True), node.reserve(0xA)) == (GOOD, GOOD)
    if killed:
        helper.kill()
    else:
        assert helper.stop() == 0

    node = connect(start())
    assert (node.keys(), node.holder()) == ([0xA], 0xA)
    assert node.release(0xA) == GOOD  # it is still the same initiator


def test_initiator_of_a_connection_is_gone_after_a_restart_and_its_reservation_holds(
    start: Start, connect: Connect
) -> None:
    helper = start("--emulate-nexus=connection")
    node = connect(helper)
    assert (node.register(0xA, aptpl=True), node.reserve(0xA)) == (GOOD, GOOD)
    helper.kill()
    node = connect(start("--emulate-nexus=connection"))
    assert node.holder() == 0xA
    assert node.register(0xB) == GOOD
    assert node.reserve(0xB) == CONFLICT
    assert node.preempt(0xB, 0xA) == GOOD


def test_without_aptpl_nothing_outlives_the_helper_and_nothing_is_written(
    start: Start, connect: Connect, state_directory: Path
) -> None:
    helper = start()
    node = connect(helper)
    before = _contents(state_directory)
    assert (node.register(0xA), node.reserve(0xA), node.keys()) == (GOOD, GOOD, [0xA])
    assert _contents(state_directory) == before
    helper.kill()
    assert _contents(state_directory) == before
    node = connect(start())
    assert (node.keys(), node.holder()) == ([], None)


def _contents(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()}


def test_registration_without_aptpl_ends_what_was_kept(start: Start, connect: Connect) -> None:
    helper = start()
    node = connect(helper)
    assert node.register(0xA, aptpl=True) == GOOD
    assert node.register(0xB, key=0xA) == GOOD
    helper.kill()
    assert connect(start()).keys() == []


def test_damaged_database_is_kept_and_the_log_says_what_that_means(
    start: Start, connect: Connect, state_directory: Path
) -> None:
    helper = start()
    assert connect(helper).register(0xA, aptpl=True) == GOOD
    helper.kill()
    (state_directory / DATABASE).write_bytes(b"x" * 5000)
    helper = start()
    assert connect(helper).keys() == []
    helper.wait_for_log("is damaged")
    (kept,) = state_directory.glob(f"{DATABASE}.damaged-*[0-9]")
    assert kept.read_bytes() == b"x" * 5000
    assert kept.name in helper.output()


def test_systemds_state_directory_is_the_default(tmp_path: Path, connect: Connect) -> None:
    states = [tmp_path / "first", tmp_path / "second"]
    env = {"STATE_DIRECTORY": ":".join(map(str, states))}
    with Helper(tmp_path, options=["--emulate"], env=env) as helper:
        assert connect(helper).register(0xA, aptpl=True) == GOOD
    with closing(sqlite3.connect(states[0] / DATABASE)) as database:
        assert database.execute("SELECT count(*) FROM unit").fetchone() == (1,)
    assert not states[1].exists()


def test_directory_of_another_helper_is_refused(start: Start, state_directory: Path, tmp_path: Path) -> None:
    with Client(start().socket):  # it serves
        pass
    done = run_to_end("-k", tmp_path / "second.sock", "--emulate", f"--state-directory={state_directory}")
    assert done.returncode == 1
    assert f"--state-directory {state_directory}: another prhelper keeps its state there; stop it, or" in done.stderr
    assert not (tmp_path / "second.sock").exists()


def test_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    done = run_to_end("-k", tmp_path / "h.sock", "--emulate", f"--state-directory={tmp_path}/state")
    assert done.returncode == 1
    assert f"--state-directory {tmp_path}/state: File exists; it must be a directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: run the tests as an ordinary user too")
def test_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o500)
    done = run_to_end("-k", tmp_path / "h.sock", "--emulate", f"--state-directory={tmp_path}/state")
    assert done.returncode == 1
    assert f"--state-directory {tmp_path}/state/{DATABASE}: Permission denied" in done.stderr


def test_helper_that_does_not_emulate_needs_no_directory(tmp_path: Path) -> None:
    with Helper(tmp_path, options=[f"--state-directory={tmp_path}/state"]) as helper, Client(helper.socket):
        assert not (tmp_path / "state").exists()
