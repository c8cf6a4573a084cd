"""The fleet of emulators that runs the suites of guest-side tests (suites.py), one boot each: a process of its own.

    python -m tests.kernel.fleet

It starts before the first test of the run (reports.py) and goes on beside those that need no machine, at a lower
priority and one boot at a time: those wait more than they compute. The first line of its input says which tests are
selected, as JSON: {suite: [id of a test]}. "all" says that nothing else runs any more: from then on, as many boots go
on as there are processors. "stop", or the end of its input, ends everything.

Each line of its output is an event of one suite, as JSON: what the guest reports (guest/reporter.py); {"over": the
story of its end}; and, where there can be no machine, {"missing": what is} or {"unfit": why}.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import kernel, qemu
from .boot import Boot, Tell
from .suites import SUITES, Suite

NICENESS = 5
PROCESSORS = os.cpu_count() or 1


class Fleet:
    """The machines of one test run. `tell` takes the events, "suite" among them, in any thread."""

    def __init__(self, tests: Mapping[str, Sequence[str]], tell: Tell) -> None:
        self._tests = tests
        self._tell = tell
        self._boots: list[Boot] = []
        self._stopped = False
        self._pool = ThreadPoolExecutor(max_workers=PROCESSORS)
        self._turns = threading.Semaphore(1)

    def start(self) -> None:
        """Obtain what each suite boots, and boot it as soon as it has its turn: those that take longest first."""
        found: dict[tuple[bool, bool, bool, int], kernel.Kernel | Exception] = {}
        folder: Path | None = None
        for name, suite in SUITES.items():
            if name not in self._tests or self._stopped:
                continue
            wanted = suite.of_packages, suite.kernel_of_packages, suite.installed, suite.least_qemu
            if wanted not in found:
                found[wanted] = obtained(suite)
            booted = found[wanted]
            if isinstance(booted, Exception):
                self._tell(suite=name, **explained(booted))
                continue
            folder = folder or new_run_folder()
            boot = Boot(name, self._tests[name], folder, functools.partial(self._tell, suite=name))
            self._boots.append(boot)
            self._pool.submit(self._run, boot, booted)

    def use_all_processors(self) -> None:
        """Nothing else runs any more."""
        for _ in range(PROCESSORS - 1):
            self._turns.release()

    def stop(self) -> None:
        """End every machine."""
        self._stopped = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for boot in self._boots:
            boot.stop()
        self._pool.shutdown()

    def _run(self, boot: Boot, booted: kernel.Kernel) -> None:
        with self._turns:
            if not self._stopped:
                boot.run(booted)


def obtained(suite: Suite) -> kernel.Kernel | Exception:
    """What a suite boots, ready for use; or what went wrong, whatever it is: it would cost each test as much again."""
    try:
        booted = suite.obtain()
        booted.compile()
    except Exception as error:
        return error
    return booted


def explained(error: Exception) -> dict[str, str]:
    """The event that says why a suite has no machine."""
    if isinstance(error, kernel.MissingError):
        return {"missing": str(error)}
    if isinstance(error, qemu.UnfitError):
        return {"unfit": str(error)}
    return {"over": f"no machine can be had: {error!r}"}


def new_run_folder() -> Path:
    """A folder for this process; those of processes that are no more are removed."""
    runs = kernel.cache_folder() / "runs"
    runs.mkdir(exist_ok=True)
    for run in runs.iterdir():
        if not Path("/proc", run.name).exists():
            shutil.rmtree(run, ignore_errors=True)
    folder = runs / str(os.getpid())
    folder.mkdir(exist_ok=True)
    return folder


def main() -> None:
    """Run the fleet by what standard input says."""
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal's is pytest's as well, which then ends our input
    os.nice(NICENESS)
    events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()  # no machine waits until somebody reads
    threading.Thread(target=write_events, args=(events,), daemon=True).start()
    fleet = Fleet(json.loads(sys.stdin.readline()), lambda **event: events.put(event))
    threading.Thread(target=fleet.start, daemon=True).start()
    for line in sys.stdin:
        if line == "stop\n":
            break
        fleet.use_all_processors()
    fleet.stop()


def write_events(events: queue.SimpleQueue[dict[str, Any]]) -> None:
    while True:
        print(json.dumps(events.get()), flush=True)


if __name__ == "__main__":
    main()
