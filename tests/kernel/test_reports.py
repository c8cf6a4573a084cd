"""Reports of a fleet that a script stands in for: what each test hears, and what of the machines that end early."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .kernel import MissingError
from .qemu import UnfitError
from .reports import GuestError, Reports


def phase(test: str, when: str, outcome: str = "passed") -> dict[str, Any]:
    return {"suite": "scsi", "phase": {"nodeid": test, "when": when, "outcome": outcome}}


def events_of(test: str, **outcomes: str) -> list[dict[str, Any]]:
    phases = [phase(test, when, outcomes.get(when, "passed")) for when in ("setup", "call", "teardown")]
    return [{"suite": "scsi", "started": test}, *phases, {"suite": "scsi", "finished": test}]


@contextmanager
def reports(events: list[dict[str, Any]], ending: str = "sys.stdin.readline()") -> Iterator[Reports]:
    """The reports of a process that says these events once nothing else runs, and ends as it is told."""
    lines = [json.dumps(event) for event in events]
    script = (
        "import json, sys\n"
        "assert json.loads(sys.stdin.readline()) == {'scsi': ['a', 'b'], 'chain': ['c']}\n"
        "assert sys.stdin.readline() == 'all\\n'\n"
        f"for line in {lines!r}: print(line, flush=True)\n"
        f"{ending}\n"
    )
    reports = Reports({"scsi": ["a", "b"], "chain": ["c"]}, [sys.executable, "-c", script])
    try:
        yield reports
    finally:
        reports.stop()


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_the_phase_that_did_not_pass_is_the_report(when: str) -> None:
    with reports([*events_of("a", **{when: "failed"}), *events_of("b")]) as told:
        assert told.report("scsi", "a") == {"nodeid": "a", "when": when, "outcome": "failed"}
        assert told.report("scsi", "b") == {"nodeid": "b", "when": "call", "outcome": "passed"}


def test_reports_may_be_asked_for_in_any_order() -> None:
    with reports([*events_of("b"), *events_of("a", call="skipped")]) as told:
        assert told.report("scsi", "a")["outcome"] == "skipped"
        assert told.report("scsi", "b")["outcome"] == "passed"


@pytest.mark.parametrize(("event", "error"), [("over", GuestError), ("missing", MissingError), ("unfit", UnfitError)])
def test_a_suite_without_a_machine_tells_the_tests_that_have_no_report(event: str, error: type[Exception]) -> None:
    with reports([*events_of("a"), {"suite": "scsi", event: "the reason"}]) as told:
        with pytest.raises(error, match="the reason"):
            told.report("scsi", "b")
        assert told.report("scsi", "a")["outcome"] == "passed"


def test_a_fleet_that_ends_tells_every_test_what_it_said_last() -> None:
    with reports(events_of("a"), "sys.exit('no memory left')") as told:
        for suite, test in (("scsi", "b"), ("chain", "c")):
            with pytest.raises(GuestError, match="no memory left"):
                told.report(suite, test)
        assert told.report("scsi", "a")["outcome"] == "passed"


def test_the_fleet_is_stopped_though_something_else_has_its_input_open() -> None:
    with reports(events_of("a")) as told:
        assert told._process.stdin is not None
        elsewhere = os.dup(told._process.stdin.fileno())
        told.report("scsi", "a")
    os.close(elsewhere)
    assert told._process.returncode == 0
