"""The reports of all tests that run in guests: what their process (fleet.py) tells, event by event.

It is read when a report is asked for, and by no thread: other tests fork, and look at what descriptors and threads
there are.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .kernel import REPOSITORY, MissingError
from .qemu import UnfitError

Report = dict[str, Any]

FLEET = (sys.executable, "-m", "tests.kernel.fleet")


class GuestError(Exception):
    """The guest ended, or was ended, without a word on a test."""


@dataclass
class Story:
    """What has been told of one suite. `over`: why no more will be."""

    phases: dict[str, list[Report]] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    over: Exception | None = None

    def take(
        self,
        started: str | None = None,
        phase: Report | None = None,
        finished: str | None = None,
        over: str | None = None,
        missing: str | None = None,
        unfit: str | None = None,
    ) -> None:
        if started is not None:
            self.phases[started] = []
        if phase is not None:
            self.phases[phase["nodeid"]].append(phase)
        if finished is not None:
            self.finished.add(finished)
        if over is not None:
            self.over = GuestError(over)
        if missing is not None:
            self.over = MissingError(missing)
        if unfit is not None:
            self.over = UnfitError(unfit)

    def report(self, test: str) -> Report:
        """The phase that decides: the one that did not pass, else that of the test itself."""
        phases = self.phases[test]
        failed = [phase for phase in phases if phase["outcome"] != "passed"]
        calls = [phase for phase in phases if phase["when"] == "call"]
        return (failed or calls)[0]


class Reports:
    """Starts the machines that the tests (by suite) need, and has their reports."""

    def __init__(self, tests: Mapping[str, Sequence[str]], command: Sequence[str] = FLEET) -> None:
        self._stories = {suite: Story() for suite in tests}
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 (until `stop`)
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self._say(json.dumps(tests))
        self._nothing_else_runs = False

    def report(self, suite: str, test: str) -> Report:
        """Wait for a test's report. Raises MissingError and UnfitError, where there is no machine; GuestError, where it
        ended before."""
        if not self._nothing_else_runs:
            self._nothing_else_runs = True
            self._say("all")
        story = self._stories[suite]
        while test not in story.finished and story.over is None:
            self._read()
        if test in story.finished:
            return story.report(test)
        assert story.over is not None
        raise story.over

    def stop(self) -> None:
        """End every machine."""
        # To close the pipe would not do: threads with a table of descriptors of their own may have it open as well.
        self._say("stop")
        with self._process, self._complaints, contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the end of its output tells more
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        """Take in one event; or the end of all, for those who still wait."""
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            event = json.loads(line)
            self._stories[event.pop("suite")].take(**event)
            return
        self._complaints.seek(0)
        over = f"the fleet of machines ended:\n{self._complaints.read()}"
        for story in self._stories.values():
            story.over = story.over or GuestError(over)
