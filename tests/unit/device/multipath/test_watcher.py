"""Maps that need care are looked after unasked, and none waits for another."""

import pytest

from prhelper.device.execution import Note, Result
from prhelper.device.multipath import watcher as watcher_module
from prhelper.device.multipath.watcher import Watcher
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.status import Status

from .wards import Patient, Ward, asked, watch


def test_map_is_looked_after_once_and_then_left_alone(watching: list[Watcher]) -> None:
    patient = Patient("one")
    ward = Ward(patient)
    watch(watching, ward)
    assert patient.cared_for.acquire(timeout=10)
    asked(ward, 20)
    assert not patient.cared_for.acquire(blocking=False)


def test_map_that_hangs_delays_no_other_and_is_not_looked_after_twice(watching: list[Watcher]) -> None:
    stuck, other = Patient("stuck"), Patient("other")
    stuck.may_end.clear()
    ward = Ward(stuck)
    watch(watching, ward)
    assert stuck.cared_for.acquire(timeout=10)
    ward.patients.append(other)
    assert other.cared_for.acquire(timeout=10)
    asked(ward, 5)
    assert not stuck.cared_for.acquire(blocking=False)
    stuck.may_end.set()


def test_map_whose_paths_do_not_answer_yet_is_looked_after_again(watching: list[Watcher]) -> None:
    patient = Patient("one")
    patient.heals = False
    watch(watching, Ward(patient))
    for _ in range(3):
        assert patient.cared_for.acquire(timeout=10)


def test_nothing_is_looked_at_until_there_is_something_to_watch(watching: list[Watcher]) -> None:
    ward = Ward()
    watcher = watch(watching, ward)
    asked(ward, 1)
    assert not ward.asked.acquire(timeout=0.05)
    ward.patients.append(Patient("one"))
    watcher.notice()
    assert ward.patients[0].cared_for.acquire(timeout=10)


def test_map_with_a_path_away_is_looked_at_more_often_than_others(
    watching: list[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "PERIOD", 3600)
    waiting, other = Patient("waiting"), Patient("other")
    waiting.needs = other.needs = False
    waiting.is_waiting = True
    watch(watching, Ward(waiting, other))
    for _ in range(5):
        assert waiting.looked.acquire(timeout=10)
    assert other.looked.acquire(timeout=10)
    assert not other.looked.acquire(blocking=False)


def test_unit_of_a_registered_map_is_asked_and_the_map_looked_after_if_something_is_missing(
    watching: list[Watcher],
) -> None:
    patient, other = Patient("one"), Patient("without a registration")
    patient.needs = other.needs = False
    patient.is_registered = True
    watch(watching, Ward(patient, other))
    for _ in range(3):
        assert patient.was_asked.acquire(timeout=10)
    assert not patient.cared_for.acquire(blocking=False)
    patient.lost = True
    assert patient.cared_for.acquire(timeout=10)
    assert not other.was_asked.acquire(blocking=False)


def test_unit_is_asked_now_and_then(watching: list[Watcher], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "ASK_PERIOD", 3600)
    patient = Patient("one")
    patient.needs, patient.is_registered = False, True
    ward = Ward(patient)
    watch(watching, ward)
    asked(ward, 20)
    assert not patient.was_asked.acquire(blocking=False)


def test_unit_is_asked_less_often_but_only_as_long_as_multipathd_is_late(
    watching: list[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "_MAX_PAUSE", 3600)
    patient = Patient("one")
    patient.is_registered = patient.multipathd_is_late = True
    ward = Ward(patient)
    watch(watching, ward)
    assert patient.cared_for.acquire(timeout=10)
    asked(ward, 20)
    assert not patient.was_asked.acquire(blocking=False)
    patient.multipathd_is_late = False  # a command has told it meanwhile
    assert patient.was_asked.acquire(timeout=10)


def test_trouble_with_multipathd_is_told_at_the_start(
    watching: list[Watcher], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "prhelper")
    ward = Ward()
    ward.trouble = "multipathd cannot be reached"
    watch(watching, ward)
    asked(ward, 1)
    assert caplog.messages == ["multipath: multipathd cannot be reached"]


@pytest.mark.usefixtures("without_pauses")
def test_it_stops_though_a_map_hangs() -> None:
    patient = Patient("stuck")
    patient.may_end.clear()
    watcher = Watcher(Ward(patient))  # type: ignore[arg-type]
    watcher.start()
    assert patient.cared_for.acquire(timeout=10)
    watcher.stop()
    patient.may_end.set()


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (
            Result(Outcome(Status.GOOD), note=Note("mpatha", "", ("2:0:0:0",))),
            ["map mpatha: paths in step again: 2:0:0:0"],
        ),
        (
            Result(Outcome(Status.BUSY), note=Note("mpatha", "", remarks=("no path: see multipath",))),
            ["map mpatha: no path: see multipath"],
        ),
        (Result(Outcome(Status.GOOD), note=Note("mpatha", "")), []),
        (Result(Outcome(Status.BUSY), trouble="no room: make some"), ["map mpath-1: no room: make some"]),
    ],
)
def test_what_was_done_unasked_is_told(caplog: pytest.LogCaptureFixture, result: Result, lines: list[str]) -> None:
    caplog.set_level("INFO", "prhelper")
    watcher_module._tell(Patient("mpath-1"), result)  # type: ignore[arg-type]
    assert caplog.messages == lines
