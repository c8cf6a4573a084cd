"""The units of one process: what is stored when, and what of them is kept."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from prhelper.channel import OwnedFd
from prhelper.device.emulated import units as units_module
from prhelper.device.emulated.handed_over import UnitsError
from prhelper.device.emulated.initiators import nexus_named
from prhelper.device.emulated.state import State
from prhelper.device.emulated.storage import Storage, StorageError
from prhelper.device.emulated.units import Units, UnitsLeftError
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status

from ....support.spc import APTPL, keys, reserve_in, reserve_out

A = nexus_named("uid 1")
READ_KEYS = Command(reserve_in(0))
KEEP = Command(reserve_out(0), keys(0, 0xA, APTPL))
REGISTER = Command(reserve_out(6), keys(0, 0xB))
RESERVE = Command(reserve_out(1, 3), keys(0xA))
NOT_KEPT = Command(reserve_out(0), keys(0xA, 0xA))


class Recorder(Storage):
    """A storage that remembers what it was told to save, and may refuse to."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.saved: list[bool] = []
        self.refuses = False

    def save(self, unit: str, state: State) -> None:
        if self.refuses:
            raise StorageError("no")
        self.saved.append(state.aptpl)
        super().save(unit, state)


@pytest.mark.parametrize(
    ("commands", "saved"),
    [
        ([READ_KEYS], []),
        ([REGISTER, REGISTER], []),
        ([KEEP], [True]),
        ([KEEP, READ_KEYS, RESERVE, READ_KEYS, RESERVE], [True, True]),
        ([KEEP, NOT_KEPT, NOT_KEPT], [True, False]),
    ],
    ids=["read", "without APTPL", "with APTPL", "only what changes it", "no more"],
)
def test_is_stored_when_it_changes_what_outlives_power(
    tmp_path: Path, commands: list[Command], saved: list[bool]
) -> None:
    with closing(Recorder(tmp_path)) as storage:
        units = Units(storage)
        for command in commands:
            assert units.execute("unit", A, command).status == Status.GOOD
        assert storage.saved == saved


def test_what_could_not_be_stored_has_not_happened(tmp_path: Path) -> None:
    with closing(Recorder(tmp_path)) as storage:
        units = Units(storage)
        before = units.execute("unit", A, READ_KEYS)
        storage.refuses = True
        with pytest.raises(StorageError):
            units.execute("unit", A, KEEP)
        assert units.execute("unit", A, READ_KEYS) == before


def test_bug_in_the_rules_leaves_the_unit_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> tuple[State, Outcome]:
        raise ZeroDivisionError

    with closing(Recorder(tmp_path)) as storage:
        units = Units(storage)
        with monkeypatch.context() as patch:
            patch.setattr(units_module, "execute", broken)
            with pytest.raises(ZeroDivisionError):
                units.execute("unit", A, READ_KEYS)
        assert units.execute("unit", A, READ_KEYS).status == Status.GOOD


def test_file_that_was_only_asked_about_is_forgotten(tmp_path: Path) -> None:
    with closing(Recorder(tmp_path)) as storage:
        units = Units(storage)
        for number in range(100):
            units.execute(f"file {number}", A, READ_KEYS)
        units.execute("file 7", A, REGISTER)
        assert list(units._units) == ["file 7"]


UNREGISTER = Command(reserve_out(6), keys(0, 0))
KEEP_NONE = Command(reserve_out(6), keys(0, 0, APTPL))


@pytest.mark.parametrize(
    ("register", "unregister"), [(REGISTER, UNREGISTER), (KEEP, KEEP_NONE)], ids=["without APTPL", "with APTPL"]
)
def test_units_whose_registrations_are_gone_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, register: Command, unregister: Command
) -> None:
    monkeypatch.setattr(units_module, "MAX_EMPTY", 5)
    with closing(Storage(tmp_path)) as storage:
        units = Units(storage)
        units.execute("registered", A, register)
        for number in range(20):
            for command in (register, unregister):
                assert units.execute(f"file {number}", A, command).status == Status.GOOD
            units.execute("file 3", A, READ_KEYS)  # one in use is kept
        assert set(units._units) == {"registered", "file 3", *(f"file {number}" for number in range(16, 20))}
    with closing(Storage(tmp_path)) as storage:
        assert set(storage.states()) <= {"registered"}


def test_units_with_nothing_but_a_unit_attention_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units_module, "MAX_EMPTY", 5)
    other = nexus_named("uid 2")
    with closing(Storage(tmp_path)) as storage:
        units = Units(storage)
        for number in range(20):
            units.execute(f"file {number}", A, REGISTER)
            units.execute(f"file {number}", other, REGISTER)
            units.execute(f"file {number}", A, Command(reserve_out(3), keys(0xB)))  # CLEAR
        assert len(units._units) == 5


def test_what_was_left_to_another_process_is_not_used_unless_that_has_not_taken_it(tmp_path: Path) -> None:
    with closing(Storage(tmp_path)) as storage:
        units = Units(storage)
        units.execute("unit", A, KEEP)
        left = units.leave_unused()
        assert left is not None
        with pytest.raises(UnitsLeftError):
            units.execute("unit", A, READ_KEYS)
        assert units.key_of("unit", A) is None
        units.stay()
        assert units.key_of("unit", A) == 0xA


def test_nothing_is_left_while_a_command_is_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Storage(tmp_path)) as storage:
        units = Units(storage)
        seen: list[bytes | None] = []
        monkeypatch.setattr(storage, "save", lambda *_: seen.append(units.leave_unused()))
        assert units.execute("unit", A, KEEP).status == Status.GOOD
        assert seen == [None]
        assert units.leave_unused() is not None


def test_of_a_process_that_has_died_what_it_has_stored_goes_on(tmp_path: Path) -> None:
    with (
        closing(Storage(tmp_path)) as old,
        OwnedFd(os.dup(old.fileno())) as locked,
        closing(Storage(tmp_path, locked)) as storage,
    ):
        units = Units(storage)
        Units(old).execute("unit", A, KEEP)
        assert units.key_of("unit", A) is None
        units.go_on_from_storage()
        assert units.key_of("unit", A) == 0xA
        units.unlock()


def test_units_that_were_dropped_before_they_were_left_do_not_come_back(tmp_path: Path) -> None:
    with closing(Storage(tmp_path)) as storage:
        Units(storage).execute("unit", A, KEEP)
    with closing(Storage(tmp_path)) as storage:
        units = Units(storage)
        with closing(Storage(tmp_path / "none")) as other:
            units.go_on_from(Units(other).leave())
        assert units.key_of("unit", A) is None
    with closing(Storage(tmp_path)) as storage:
        assert storage.states() == {}


def test_units_that_were_kept_in_another_directory_are_kept_in_this_one(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "other")) as other:
        former = Units(other)
        for name in ("one", "another"):
            former.execute(name, A, KEEP)
        former.execute("not kept", A, REGISTER)
        left = former.leave()
    with closing(Recorder(tmp_path)) as storage:
        Units(storage).go_on_from(left)
        assert storage.saved == [True, True]
    with closing(Recorder(tmp_path)) as storage:
        assert storage.states().keys() == {"one", "another"}
        Units(storage).go_on_from(left)
        assert storage.saved == []  # it is the same one


def test_units_that_cannot_be_kept_here_stay_with_the_process_that_has_them(tmp_path: Path) -> None:
    with closing(Storage(tmp_path / "other")) as other, closing(Recorder(tmp_path)) as storage:
        former = Units(other)
        former.execute("unit", A, KEEP)
        storage.refuses = True
        with pytest.raises(UnitsError, match="no"):
            Units(storage).go_on_from(former.leave())
