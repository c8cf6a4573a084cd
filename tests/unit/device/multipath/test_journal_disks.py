"""What reaches the disk and when, and disks and directories that fail."""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from prhelper.device.multipath.journal import ENTRY, Journal, JournalError
from prhelper.device.multipath.record import encode
from prhelper.device.multipath.rules.steps import Entry

from .journals import MAP, NEW, OLD, is_locked, keep, kept, names


class Calls:
    """Calls of the system by this process, as they are made; one of them fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: str = "", error: int = 0) -> None:
        self.made: list[str] = []
        self._failing, self._error = failing, error
        for name in "open", "write", "fsync", "rename", "unlink":
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            is_directory = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            self.made.append("fsync the directory" if is_directory else name)
            if self.made[-1] == self._failing:
                raise OSError(self._error, os.strerror(self._error))
            return call(*args, **kwargs)

        return watched


@pytest.mark.parametrize(
    ("entry", "calls"),
    [(NEW, ["open", "write", "fsync", "rename", "fsync the directory"]), (None, ["unlink", "fsync the directory"])],
)
def test_entry_is_on_the_disk_on_return(
    directory: Path, monkeypatch: pytest.MonkeyPatch, entry: Entry | None, calls: list[str]
) -> None:
    keep(directory, OLD)
    with Journal(directory).turn(MAP) as turn, monkeypatch.context() as watched:
        made = Calls(watched).made
        turn.write(entry)
        assert made == calls


@pytest.mark.parametrize(
    ("entry", "call", "error", "text", "left"),
    [
        (NEW, "open", errno.ENOSPC, "No space left on device; make room there", OLD),
        (NEW, "open", errno.EROFS, "Read-only file system; it must be a directory that only prhelper's user", OLD),
        (NEW, "write", errno.ENOSPC, "No space left on device; make room there", OLD),
        (NEW, "write", errno.EDQUOT, "quota exceeded; make room there", OLD),
        (NEW, "open", errno.EMFILE, "Too many open files; raise the limit", OLD),
        (NEW, "fsync", errno.EIO, "error; see the kernel's log", OLD),
        (NEW, "rename", errno.EACCES, "Permission denied; it must be", OLD),
        (NEW, "fsync the directory", errno.EIO, "error; see the kernel's log", NEW),
        (None, "unlink", errno.EROFS, "Read-only file system; it must be", OLD),
        (None, "fsync the directory", errno.EIO, "error; see the kernel's log", None),
    ],
)
def test_write_that_fails_says_why_and_leaves_the_old_entry_or_the_new(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: Entry | None,
    call: str,
    error: int,
    text: str,
    left: Entry | None,
) -> None:
    keep(directory, OLD)
    with Journal(directory).turn(MAP) as turn, monkeypatch.context() as failing:
        Calls(failing, call, error)
        with pytest.raises(JournalError, match=f"^{directory / MAP / ENTRY}: .*{text}"):
            turn.write(entry)
    assert kept(directory) == left
    assert set(names(directory)) <= {ENTRY, "last"}


def test_turn_goes_on_after_a_write_that_failed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(directory).turn(MAP) as turn:
        with monkeypatch.context() as failing:
            Calls(failing, "rename", errno.ENOSPC)
            with pytest.raises(JournalError):
                turn.write(OLD)
        turn.write(NEW)
    assert kept(directory) == NEW


@pytest.mark.parametrize("call", ["open", "write", "fsync the directory"])
def test_turn_that_cannot_be_marked_does_not_begin(directory: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    ours, theirs = Journal(directory), Journal(directory)
    with ours.turn(MAP):
        pass
    with monkeypatch.context() as failing:
        Calls(failing, call, errno.EROFS)
        with pytest.raises(JournalError, match=f"^{directory / MAP}: Read-only file system"), theirs.turn(MAP):
            pytest.fail("there was a turn")
    assert not is_locked(directory)
    with theirs.turn(MAP) as turn:
        assert turn.others_came_between


def test_mark_of_a_turn_is_not_synced(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the mark would be there after a sync that failed, of a turn that did not begin."""
    with monkeypatch.context() as failing:
        Calls(failing, "fsync", errno.EIO)
        with Journal(directory).turn(MAP) as turn:
            assert turn.others_came_between


def test_next_turn_of_the_same_process_writes_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(directory)
    with journal.turn(MAP):
        pass
    with monkeypatch.context() as watched:
        calls = Calls(watched)
        with journal.turn(MAP):
            assert set(calls.made) == {"open", "unlink"}


def test_turn_without_a_lock_does_not_begin(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    journal = Journal(directory)
    with monkeypatch.context() as failing:
        failing.setattr(fcntl, "flock", refuse)
        with pytest.raises(JournalError, match=f"^{directory / MAP}: No locks available"), journal.turn(MAP):
            pytest.fail("there was a turn")
    with journal.turn(MAP) as turn:
        assert turn.others_came_between


def test_what_a_write_has_left_is_removed_in_the_next_turn(directory: Path) -> None:
    keep(directory, OLD)
    (directory / MAP / f"{ENTRY}.new").write_bytes(encode(MAP, NEW)[:50])
    assert kept(directory) == OLD
    assert names(directory) == [ENTRY, "last"]


# Directories


def test_directory_that_is_a_file_is_refused(directory: Path) -> None:
    directory.touch()
    with pytest.raises(JournalError, match=f"^{directory}: is no directory; it must be a directory"):
        Journal(directory)


def test_directory_that_others_may_write_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir(mode=0o700)
    Journal(directory)
    for mode in 0o702, 0o720:
        directory.chmod(mode)
        with pytest.raises(JournalError, match=f"^{directory}: others may write it; it must be a directory"):
            Journal(directory)
    directory.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
    with pytest.raises(JournalError, match=f"^{directory}: others may write it"):
        Journal(directory)


def test_directory_on_a_read_only_file_system_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(os, "access", lambda path, _mode, **_: path != directory)
    with pytest.raises(JournalError, match=f"^{directory}: cannot be written; it must be a directory"):
        Journal(directory)


def test_directory_below_one_that_may_not_be_entered_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    journal = Journal(directory)
    monkeypatch.setattr(Path, "lstat", refuse)
    with pytest.raises(JournalError, match=f"^{directory}: Permission denied; it must be a directory"):
        Journal(directory)
    with pytest.raises(JournalError, match=f"^{directory}: Permission denied; it must be a directory"):
        journal.maps()


def test_directory_that_cannot_be_made_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(JournalError, match=f"^{directory}: Read-only file system; it must be a directory"):
        Journal(directory).make()
    with (
        pytest.raises(JournalError, match="Read-only file system; it must be a directory"),
        Journal(directory).turn(MAP),
    ):
        pass
