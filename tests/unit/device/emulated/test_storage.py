"""What is stored of emulated units, where, and what happens to a database that cannot be used."""

import functools
import os
import random
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from prhelper.device.emulated.boot import of_this_boot
from prhelper.device.emulated.initiators import nexus_named
from prhelper.device.emulated.state import Registration, Reservation, State
from prhelper.device.emulated.storage import DATABASE, Storage, StorageError
from prhelper.host import boot
from prhelper.scsi.reservation import ReservationType
from prhelper.scsi.transport_id import IscsiPort

A, B = nexus_named("uid 1"), nexus_named("uid 2")
REGISTERED = State(registrations=(Registration(A, 0xA), Registration(B, 2**64 - 1)), aptpl=True)
RESERVED = replace(REGISTERED, reservation=Reservation(ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY, A))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def stored(directory: Path) -> dict[str, State]:
    with closing(Storage(directory)) as storage:
        return storage.states()


def test_state_with_aptpl_is_there_after_a_restart(directory: Path) -> None:
    with closing(Storage(directory)) as storage:
        assert storage.states() == {}
        storage.save("block 8:0", REGISTERED)
        storage.save("block 8:0", RESERVED)
        storage.save("file 9:9/4", REGISTERED)
    assert stored(directory) == {"block 8:0": RESERVED, "file 9:9/4": REGISTERED}


def test_state_whose_aptpl_ends_is_forgotten(directory: Path) -> None:
    with closing(Storage(directory)) as storage:
        storage.save("block 8:0", REGISTERED)
        storage.save("block 8:0", State(registrations=REGISTERED.registrations))
    assert stored(directory) == {}


def test_directory_and_files_are_nobody_elses(directory: Path) -> None:
    previous = os.umask(0)
    try:
        with closing(Storage(directory)) as storage:
            storage.save("unit", REGISTERED)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.iterdir()]}
    finally:
        os.umask(previous)
    assert modes == {"state": 0o700, DATABASE: 0o600, f"{DATABASE}-journal": 0o600}


def test_one_directory_serves_one_process(directory: Path) -> None:
    with closing(Storage(directory)), pytest.raises(StorageError, match="another prhelper keeps its state there"):
        Storage(directory)
    assert stored(directory) == {}


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def tear(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3000))


def empty_a_state(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE unit SET state = '{\"aptpl\": true}'")


def change_a_key(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE unit SET state = replace(state, '10', '11')")


def drop_the_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE unit")


@pytest.mark.parametrize("damage", [overwrite, tear, scribble, empty_a_state, change_a_key, drop_the_table])
def test_damaged_database_is_set_aside_and_that_is_said_loudly(
    directory: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Storage(directory)) as storage:
        for number in range(50):
            storage.save(f"block 8:{number}", RESERVED)
    damage(directory / DATABASE)
    damaged = (directory / DATABASE).read_bytes()

    with closing(Storage(directory)) as storage:
        assert storage.states() == {}
        storage.save("block 8:0", REGISTERED)
    assert stored(directory) == {"block 8:0": REGISTERED}

    (kept,) = directory.glob(f"{DATABASE}.damaged-*[0-9]")
    assert kept.read_bytes() == damaged
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert kept.name in record.getMessage()
    assert "LOST" in record.getMessage()


def test_no_single_damaged_byte_changes_what_is_read_without_a_word(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Storage(directory)) as storage:
        storage.save("block 8:0", RESERVED)
    path = directory / DATABASE
    healthy = path.read_bytes()
    used = [place for place, byte in enumerate(healthy) if byte or place < 100]
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for place in [0, 60, 95, *chance.sample(range(100), 25), *chance.sample(used, 50)]:
        damaged = bytearray(healthy)
        damaged[place] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        caplog.clear()
        outcome = read_or_refused(directory)
        if isinstance(outcome, str):
            assert re.search("newer prhelper|readonly", outcome), place
        else:
            assert outcome == ({} if caplog.records else {"block 8:0": RESERVED}), place


def read_or_refused(directory: Path) -> dict[str, State] | str:
    try:
        return stored(directory)
    except StorageError as error:
        return str(error)


def test_database_that_another_process_has_locked_is_refused_with_the_remedy(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stored(directory) == {}
    connect = sqlite3.connect
    with closing(connect(directory / DATABASE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", functools.partial(connect, timeout=0.0))
        with pytest.raises(StorageError, match="another process has locked it; stop it, or choose another directory"):
            Storage(directory)


def test_database_of_a_newer_version_is_refused_and_left_alone(directory: Path) -> None:
    with closing(Storage(directory)) as storage:
        storage.save("unit", REGISTERED)
    with closing(sqlite3.connect(directory / DATABASE)) as database:
        database.execute("PRAGMA user_version = 3")
    with pytest.raises(StorageError, match="newer prhelper"):
        Storage(directory)
    with closing(sqlite3.connect(directory / DATABASE)) as database:
        assert database.execute("SELECT count(*) FROM unit").fetchone() == (1,)


def test_units_of_an_older_version_are_dropped_and_that_is_logged(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Storage(directory)) as storage:
        storage.save("block 8:0", RESERVED)
        storage.save("block 8:16", RESERVED)
    with closing(sqlite3.connect(directory / DATABASE)) as database:
        database.execute("PRAGMA user_version = 1")
    assert stored(directory) == {}
    (record,) = caplog.records
    assert (record.levelname, "(units: 2): an older" in record.getMessage()) == ("WARNING", True)
    caplog.clear()
    assert (stored(directory), caplog.records) == ({}, [])


def test_units_known_for_one_boot_are_dropped_in_the_next_and_that_is_logged(
    directory: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    of_this = of_this_boot("block 7:0 sequence 12")
    with closing(Storage(directory)) as storage:
        storage.save(of_this, RESERVED)
        storage.save("block naa.5", REGISTERED)
    assert stored(directory) == {of_this: RESERVED, "block naa.5": REGISTERED}
    assert caplog.records == []

    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "boot_id")
    assert stored(directory) == {"block naa.5": REGISTERED}
    (record,) = caplog.records
    assert (record.levelname, "(units: 1): nothing lasting" in record.getMessage()) == ("WARNING", True)


def test_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StorageError, match=f"{tmp_path}/state: File exists"):
        Storage(tmp_path / "state")


def test_link_in_place_of_the_database_is_refused(directory: Path) -> None:
    directory.mkdir()
    (directory / DATABASE).symlink_to("/etc/hostname")
    with pytest.raises(StorageError, match="symbolic links"):
        Storage(directory)


def test_what_cannot_be_stored_is_an_error_and_leaves_what_was(directory: Path) -> None:
    nexuses = [nexus_named(f"uid {number}") for number in range(500)]
    many = State(registrations=tuple(Registration(nexus, 1) for nexus in nexuses), aptpl=True)
    with closing(Storage(directory)) as storage:
        storage.save("unit", REGISTERED)
        storage._connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StorageError, match="full"):
            storage.save("unit", many)
    assert stored(directory) == {"unit": REGISTERED}


def test_names_of_initiators_survive_whatever_they_hold(directory: Path) -> None:
    odd = State(registrations=(Registration(nexus_named("\"q'\n\u2713"), 1),), aptpl=True)
    far = State(registrations=(Registration(type(A)("x", IscsiPort("iqn.2001-04.com.\u00e9", 0x123)), 5),), aptpl=True)
    with closing(Storage(directory)) as storage:
        storage.save("odd", odd)
        storage.save("far", far)
    assert stored(directory) == {"odd": odd, "far": far}


def test_a_process_that_ends_with_a_thread_stuck_does_not_keep_the_directory(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with storage._lock:  # as a thread has it that waits for the disk
        storage.unlock()
        storage.unlock()
        Storage(tmp_path).close()
    storage.close()
