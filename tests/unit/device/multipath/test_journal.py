"""What the journal keeps, damage to it, and whose turn it is."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from prhelper.device.multipath.journal import ENTRY, Journal, JournalError
from prhelper.device.multipath.record import VERSION, encode

from .journals import MAP, NEW, OLD, OTHER_MAP, Waiting, is_locked, keep, kept


def test_entry_is_there_for_the_next_process_until_it_is_erased(directory: Path) -> None:
    assert kept(directory) is None
    keep(directory, OLD)
    keep(directory, NEW)
    assert kept(directory) == NEW
    keep(directory, None)
    keep(directory, None)
    assert kept(directory) is None


def test_maps_with_an_entry_are_listed_and_no_others(directory: Path) -> None:
    journal = Journal(directory)
    assert journal.maps() == []
    for uuid in MAP, OTHER_MAP, "mpath-erased":
        keep(directory, OLD, uuid)
    keep(directory, None, "mpath-erased")
    (directory / "lost+found").mkdir()
    (directory / "lost+found" / ENTRY).touch()
    (directory / "a_file").touch()
    assert sorted(journal.maps()) == sorted([MAP, OTHER_MAP])


def test_directory_that_is_missing_has_no_maps_and_is_made_when_it_is_needed(directory: Path) -> None:
    journal = Journal(directory)
    assert journal.maps() == []
    assert not directory.exists()
    journal.make()
    assert directory.is_dir()
    directory.rmdir()
    with journal.turn(MAP) as turn:
        turn.write(OLD)
    assert journal.maps() == [MAP]


def test_files_are_nobody_elses(tmp_path: Path) -> None:
    directory = tmp_path / "lib" / "journal"
    previous = os.umask(0)
    try:
        keep(directory, OLD)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.rglob("*"))}
    finally:
        os.umask(previous)
    assert modes == {"journal": 0o700, MAP: 0o700, ENTRY: 0o600, "last": 0o600}


def test_entry_cannot_be_written_after_the_turn(directory: Path) -> None:
    with Journal(directory).turn(MAP) as turn:
        pass
    with pytest.raises(JournalError, match="Bad file descriptor"):
        turn.write(NEW)


# Damage


@pytest.mark.parametrize(
    "text", [b"", b"{}", encode(MAP, NEW)[:-20], encode(OTHER_MAP, NEW), encode(MAP, NEW).replace(b"sdb", b"sdc")]
)
def test_damaged_entry_is_kept_and_not_trusted_and_that_is_said_loudly(
    directory: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    keep(directory, NEW)
    (directory / MAP / ENTRY).write_bytes(text)
    assert kept(directory) is None
    assert Journal(directory).maps() == []
    (damaged,) = (directory / MAP).glob(f"{ENTRY}.damaged-*")
    assert damaged.read_bytes() == text
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert "LOST" in record.getMessage()
    assert MAP in record.getMessage()
    assert damaged.name in record.getMessage()
    keep(directory, OLD)
    assert kept(directory) == OLD


def test_entry_of_a_newer_version_is_left_alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("prhelper.device.multipath.record.VERSION", VERSION + 1)
        keep(directory, NEW)
    text = (directory / MAP / ENTRY).read_bytes()
    with pytest.raises(JournalError, match=f"newer prhelper .version {VERSION + 1}, known is {VERSION}.; start"):
        kept(directory)
    assert (directory / MAP / ENTRY).read_bytes() == text


def test_entry_that_is_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    keep(directory, NEW)
    (directory / MAP / ENTRY).rename(tmp_path / ENTRY)
    (directory / MAP / ENTRY).symlink_to(tmp_path / ENTRY)
    with pytest.raises(JournalError, match="symbolic links"):
        kept(directory)


# Turns


def test_process_learns_whether_another_had_a_turn(directory: Path) -> None:
    ours, theirs = Journal(directory), Journal(directory)
    turns = []
    for journal in ours, ours, theirs, ours, ours:
        with journal.turn(MAP) as turn:
            turns.append(turn.others_came_between)
    assert turns == [True, False, True, True, False]


def test_turns_are_counted_by_map(directory: Path) -> None:
    ours = Journal(directory)
    with ours.turn(MAP), Journal(directory).turn(OTHER_MAP):
        pass
    with ours.turn(MAP) as turn, ours.turn(OTHER_MAP) as other:
        assert (turn.others_came_between, other.others_came_between) == (False, True)


@pytest.mark.parametrize("damaged", [b"", b"x" * 200])
def test_damaged_token_is_anothers(directory: Path, damaged: bytes) -> None:
    journal = Journal(directory)
    with journal.turn(MAP):
        pass
    (directory / MAP / "last").write_bytes(damaged)
    with journal.turn(MAP) as turn:
        assert turn.others_came_between
    with journal.turn(MAP) as turn:
        assert not turn.others_came_between


def test_turn_ends_with_its_block_however_that_ends(directory: Path) -> None:
    def fail() -> None:
        with Journal(directory).turn(MAP):
            assert is_locked(directory)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not is_locked(directory)


def test_turn_ends_although_a_copy_of_its_descriptor_is_left(directory: Path) -> None:
    with Journal(directory).turn(MAP) as turn:
        copy = os.dup(turn._directory.fileno())
    try:
        assert not is_locked(directory)
    finally:
        os.close(copy)


def test_one_thread_waits_for_another(directory: Path) -> None:
    journal = Journal(directory)
    with journal.turn(MAP) as turn:
        waiting = Waiting(journal)
        turn.write(OLD)
        assert waiting.found is None
    waiting.finish()
    assert waiting.found == (OLD, False)
    assert kept(directory) == NEW


def test_directory_that_is_removed_while_a_thread_waits_is_made_anew(directory: Path) -> None:
    journal = Journal(directory)
    with journal.turn(MAP) as turn:
        turn.write(OLD)
        waiting = Waiting(journal)
        shutil.rmtree(directory / MAP)
    waiting.finish()
    assert waiting.found == (None, True)
    assert kept(directory) == NEW
