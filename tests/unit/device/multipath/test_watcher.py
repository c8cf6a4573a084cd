"""Maps that need care are looked after unasked, and none waits for another."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.device.execution import Note, Result
from prhelper.device.multipath import watcher as watcher_module
from prhelper.device.multipath.watcher import Watcher
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.status import Status

FOLDER = Path("/sys/block/dm-7")


class Patient:
    """Stands in for a map."""

    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.needs = True
        self.cared_for = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()
        self.heals = True
        self.is_waiting = False
        self.is_registered = self.multipathd_is_late = False
        self.lost = False
        self.was_asked = threading.Semaphore(0)
        self.looked = threading.Semaphore(0)

    def folder(self) -> Path | None:
        self.looked.release()
        return FOLDER

    def needs_care(self, folder: Path) -> bool:
        assert folder == FOLDER
        return self.needs

    def is_as_left(self, folder: Path) -> bool:
        assert folder == FOLDER
        self.was_asked.release()
        return not self.lost

    def look_after(self, folder: Path) -> Result:
        assert folder == FOLDER
        self.cared_for.release()
        assert self.may_end.wait(10)
        if self.heals:
            self.needs = self.lost = False
        return Result(Outcome(Status.GOOD), note=Note(self.uuid, "", ("2:0:0:0",)))


class Ward:
    """Stands in for all maps."""

    def __init__(self, *patients: Patient) -> None:
        self.patients = list(patients)
        self.trouble: str | None = None
        self.asked = threading.Semaphore(0)

    def trouble_with_multipathd(self) -> str | None:
        return self.trouble

    def of_interest(self) -> list[Patient]:
        self.asked.release()
        return list(self.patients)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "PERIOD", 0.001)
    monkeypatch.setattr(watcher_module, "SHORT_PERIOD", 0.001)
    monkeypatch.setattr(watcher_module, "ASK_PERIOD", 0.001)


@pytest.fixture
def watching() -> Iterator[list[Watcher]]:
    watchers: list[Watcher] = []
    yield watchers
    for each in watchers:
        each.stop()


def watch(watching: list[Watcher], ward: Ward) -> Watcher:
    watcher = Watcher(ward)  # type: ignore[arg-type]
    watcher.start()
    watching.append(watcher)
    return watcher


def asked(ward: Ward, times: int) -> None:
    for _ in range(times):
        assert ward.asked.acquire(timeout=10)


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


def test_trouble_with_multipathd_is_told_at_the_start(
    watching: list[Watcher], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "prhelper")
    ward = Ward()
    ward.trouble = "multipathd cannot be reached"
    watch(watching, ward)
    asked(ward, 1)
    assert caplog.messages == ["multipath: multipathd cannot be reached"]


def test_without_a_thread_to_be_had_the_next_look_tries_again(
    watching: list[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    start, refused = threading.Thread.start, threading.Event()

    def refuse_once(thread: threading.Thread) -> None:
        if thread.name == "prhelper-care" and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    patient = Patient("one")
    watch(watching, Ward(patient))
    assert patient.cared_for.acquire(timeout=10)
    assert refused.is_set()


@pytest.mark.parametrize("question", ["folder", "needs_care", "is_as_left", "look_after"])
def test_without_descriptors_the_next_look_tries_again(
    watching: list[Watcher], monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    patient, refused = Patient("one"), threading.Event()
    patient.needs, patient.is_registered, patient.lost = question != "is_as_left", True, True
    ask = getattr(patient, question)

    def refuse_once(*arguments: object) -> object:
        if refused.is_set():
            return ask(*arguments)
        refused.set()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(patient, question, refuse_once)
    watch(watching, Ward(patient))
    assert patient.cared_for.acquire(timeout=10)
    assert refused.is_set()


def test_without_descriptors_at_the_start_it_watches_all_the_same(
    watching: list[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    patient = Patient("one")
    ward = Ward(patient)
    monkeypatch.setattr(ward, "trouble_with_multipathd", refuse)
    watch(watching, ward)
    assert patient.cared_for.acquire(timeout=10)


def test_map_whose_paths_cannot_be_looked_up_after_it_was_looked_after_is_looked_after_again(
    watching: list[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = Patient("one")

    def needs_care(_: Path) -> bool:
        if not patient.needs:
            patient.needs = True
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return True

    monkeypatch.setattr(patient, "needs_care", needs_care)
    watch(watching, Ward(patient))
    for _ in range(2):
        assert patient.cared_for.acquire(timeout=10)


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
