"""Want of threads and descriptors costs a look, and no more."""

import errno
import os
import threading
from pathlib import Path

import pytest

from prhelper.device.multipath.watcher import Watcher

from .wards import Patient, Ward, watch


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
