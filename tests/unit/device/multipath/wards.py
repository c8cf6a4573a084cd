"""Maps that a watcher watches over, each as a test wants it to be."""

import threading
from pathlib import Path

from prhelper.device.execution import Note, Result
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


def watch(watching: list[Watcher], ward: Ward) -> Watcher:
    watcher = Watcher(ward)  # type: ignore[arg-type]
    watcher.start()
    watching.append(watcher)
    return watcher


def asked(ward: Ward, times: int) -> None:
    for _ in range(times):
        assert ward.asked.acquire(timeout=10)
