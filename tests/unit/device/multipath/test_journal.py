"""What the journal keeps, whose turn it is, and what a crash or a full disk leaves."""

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from prhelper.device.multipath.journal import ENTRY, Journal, JournalError
from prhelper.device.multipath.record import VERSION, encode
from prhelper.device.multipath.rules.steps import Entry

from ....support.helper import wait_until

MAP, OTHER_MAP = "mpath-360014050000000000000000000000001", "mpath-../../.. x"
OLD, NEW = Entry(0xAAAA0001), Entry(0xAAAA0001, (0xBBBB0002,), had=("sda", "sdb"))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def keep(directory: Path, entry: Entry | None, uuid: str = MAP) -> None:
    with Journal(directory).turn(uuid) as turn:
        turn.write(entry)


def kept(directory: Path, uuid: str = MAP) -> Entry | None:
    with Journal(directory).turn(uuid) as turn:
        return turn.entry


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / MAP).iterdir())


# What it keeps


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


def is_locked(directory: Path) -> bool:
    fd = os.open(directory / MAP, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


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


class Waiting:
    """A thread that waits for its turn in this process.

    found: the entry, and whether others came between; None as long as it has not had its turn.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.found: tuple[Entry | None, bool] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(self._waits, what="a thread that waits for the lock")

    def finish(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        with self._journal.turn(MAP) as turn:
            self.found = turn.entry, turn.others_came_between
            turn.write(NEW)

    @staticmethod
    def _waits() -> bool:
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return any(line[1:3] == ["->", "FLOCK"] and line[5] == str(os.getpid()) for line in lines)


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


# Other processes, and what is left of them

_SCRIPT = """
import fcntl, os, signal, sys
from pathlib import Path
from prhelper.device.multipath.journal import Journal
from prhelper.device.multipath.rules.steps import Entry

CALLS = (os, "open"), (os, "write"), (os, "fsync"), (os, "rename"), (os, "unlink"), (os, "mkdir"), (fcntl, "flock")

def work(directory, uuid, entry, place):
    made = 0
    def held(name, call):
        def hold_or_call(*args, **kwargs):
            nonlocal made
            made += 1
            if made == place:
                print(name, flush=True)
                signal.pause()
            return call(*args, **kwargs)
        return hold_or_call
    for module, name in CALLS:
        setattr(module, name, held(name, getattr(module, name)))
    with Journal(Path(directory)).turn(uuid) as turn:
        turn.write(entry)
        print("written", flush=True)
        signal.pause()

for line in sys.stdin:
    arguments = eval(line)
    child = os.fork()
    if not child:
        work(*arguments)
    sys.stdin.readline()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


class Processes:
    """Processes that write an entry, one after another, each of which is killed in a call of the system."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _SCRIPT]
        self._parent = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _say(self, line: str) -> None:
        assert self._parent.stdin
        self._parent.stdin.write(f"{line}\n")
        self._parent.stdin.flush()

    def _hear(self) -> str:
        assert self._parent.stdout
        return self._parent.stdout.readline().strip()

    @contextmanager
    def held(self, directory: Path, entry: Entry | None, place: int) -> Iterator[str]:
        """One that is about to make its call with this number, and is killed at the end of the block.

        The value is the call's name; "written" if the process has made all its calls.
        """
        self._say(repr((str(directory), MAP, entry, place)))
        yield self._hear()
        self._say("")
        assert self._hear() == "killed"

    def close(self) -> None:
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.close()
        self._parent.stdout.close()
        self._parent.wait()


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.close()


def test_process_waits_for_another_until_that_is_killed(directory: Path, processes: Processes) -> None:
    journal = Journal(directory)
    with journal.turn(MAP):
        pass
    with processes.held(directory, OLD, 0) as call:
        assert call == "written"
        waiting = Waiting(journal)
        assert waiting.found is None
    waiting.finish()
    assert waiting.found == (OLD, True)


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [(None, NEW, {"mkdir", "rename"}), (OLD, NEW, {"rename", "write"}), (NEW, None, {"unlink", "fsync"})],
)
def test_kill_at_any_moment_leaves_the_old_entry_or_the_new(
    directory: Path, processes: Processes, before: Entry | None, after: Entry | None, calls: set[str]
) -> None:
    place, call, made, found = 0, "", set(), []
    while call != "written":
        place += 1
        shutil.rmtree(directory, ignore_errors=True)
        if before:
            keep(directory, before)
        with processes.held(directory, after, place) as call:
            made.add(call)
        found.append(kept(directory))
        assert set(names(directory)) <= {ENTRY, "last"}
    changed = found.index(after)
    assert found == [before] * changed + [after] * (len(found) - changed)
    assert 0 < changed < len(found)
    assert made >= {*calls, "open", "fsync", "flock"}


# Disks


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
