"""The fleet of emulators that runs the suites of guest-side tests (suites.py), one boot each.

`Boot` starts a machine for the tests selected in one suite, listens to the reports (see guest/reporter.py) and lets any
number of waiters have the report of "their" test. `Fleet` runs the boots that a test run needs, as many at a time as
there are processors, those that take longest first.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support import debian_package

from . import emulator, kernel, qemu, root
from .suites import SUITES, Suite

Report = dict[str, Any]


class GuestError(Exception):
    """The guest ended, or was ended, without a word on a test."""


class Boot:
    """One machine's run over some tests of a suite. `run` belongs to one thread; `report` to any."""

    def __init__(self, name: str, tests: Sequence[str], folder: Path) -> None:
        self._suite = SUITES[name]
        self._name = name
        self._tests = tests
        self._folder = folder
        self._changed = threading.Condition()
        self._phases: dict[str, list[Report]] = {}
        self._finished: set[str] = set()
        self._running = "starting up"
        self._over: str | None = None
        self._missing: str | None = None
        self._hung = False
        self._stopped = False
        self._boots = 1
        self._emulator: emulator.Emulator | None = None

    def report(self, test: str) -> Report:
        """Wait for one test to end; return its report. GuestError if the machine ended before, MissingError if it lacks
        something."""
        with self._changed:
            self._changed.wait_for(lambda: test in self._finished or self._over is not None)
            if self._missing is not None:
                raise kernel.MissingError(self._missing)
            if test not in self._finished:
                raise GuestError(self._over)
            phases = self._phases[test]
        failed = [phase for phase in phases if phase["outcome"] != "passed"]
        calls = [phase for phase in phases if phase["when"] == "call"]
        return (failed or calls)[0]

    def run(self, booted: kernel.Kernel) -> None:
        """Boot the machine and follow it to its end."""
        try:
            story = self._follow(booted)
            # The machine's own fault: a test that hangs is ended by its time limit, and reported.
            if self._hung and not self._finished and not self._stopped:
                self._boots += 1
                story = self._follow(booted)
        except (debian_package.MissingError, kernel.MissingError) as error:
            story = self._missing = str(error)
        except Exception as error:
            story = f"running the emulator failed: {error!r}"
        tail = emulator.tail(self._console, lines=40)
        self._update(over=f"{story} ({self._running}). The end of its console, {self._console}:\n{tail}")

    def stop(self) -> None:
        """End the machine early, from another thread."""
        self._stopped = True
        if self._emulator is not None:
            self._emulator.stop()

    def _follow(self, booted: kernel.Kernel) -> str:
        """Take in the reports; return how it ended."""
        script = self._write_script(booted)
        machine = self._emulator = emulator.Emulator(booted, script, self._console, self._suite.memory)
        noise = ""
        try:
            if self._stopped:
                return "it was stopped"
            for line in machine.lines(self._suite.silence):
                try:
                    event = json.loads(line)
                except ValueError:
                    noise += f"\n{line}"
                else:
                    self._update(**event)
        except emulator.HungError as error:
            self._hung = True
            return f"{error}{noise}"
        finally:
            machine.stop()
            machine.reap()
        return f"the guest ended early{noise}"

    def _update(
        self,
        started: str | None = None,
        phase: Report | None = None,
        finished: str | None = None,
        over: str | None = None,
    ) -> None:
        with self._changed:
            if started is not None:
                self._running = f"it was at {started}"
                self._phases[started] = []
            if phase is not None:
                self._phases[phase["nodeid"]].append(phase)
            if finished is not None:
                self._running = f"it had finished {finished}"
                self._finished.add(finished)
            if over is not None:
                self._over = over
            self._changed.notify_all()

    @property
    def _console(self) -> Path:
        return self._folder / f"{self._name}.{self._boots}.console"

    def _package(self, revision: int) -> Path:
        """A revision of the Debian package, where every guest can see it."""
        (built,) = debian_package.built(revision).glob("*.deb")
        return Path(shutil.copy(built, self._folder))

    def _write_script(self, booted: kernel.Kernel) -> Path:
        """The script that the guest boots into: run the tests, then reset the machine, which ends the emulator."""
        its_qemu = qemu.obtain(root.wanted_suite()).root if self._suite.least_qemu else ""
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": "/run",
            "CI": os.environ.get("CI", ""),  # what is missing there fails
            "GUEST_SUITE": self._name,
            "GUEST_PACKAGES": ":".join(str(self._package(n + 1)) for n in range(self._suite.revisions)),
            "GUEST_KERNEL": str(booted.seen_by_guest),
            "GUEST_QEMU": str(its_qemu),
            "GUEST_HELPER": os.environ.get("PRHELPER_COMMAND") or f"{booted.python} -I -m prhelper",
            "PRHELPER_THOROUGH": os.environ.get("PRHELPER_THOROUGH", ""),
        }
        pytest = [booted.python, "-m", "pytest", "-p", "tests.kernel.guest.reporter", "-p", "no:cacheprovider"]
        lines = [
            *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
            *booted.preparation(),
            f"cd {shlex.quote(str(kernel.REPOSITORY))}",
            "run_tests() {",
            "    " + shlex.join([*pytest, "--quiet", "--color=no", *self._tests]),
            "    echo b > /proc/sysrq-trigger",
            "}",
        ]
        if self._suite.init:
            lines.append(f'[ "$1" = tests ] || . tests/kernel/{self._suite.init}')
        lines.append("run_tests")
        script = self._folder / f"{self._name}.sh"
        script.write_text("\n".join(lines) + "\n")
        return script


class Fleet:
    """All the machines of one test run, started together at the first call of `report`."""

    def __init__(self, tests: Mapping[str, Sequence[str]]) -> None:
        self._tests = tests
        self._started = False
        self._boots: dict[str, Boot] = {}
        self._faults: dict[str, Exception] = {}
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)

    def report(self, suite: str, test: str) -> Report:
        """Wait for a test's report. MissingError, or whatever else went wrong at the
        start: no machine can be had; GuestError: there was one, but it ended."""
        if not self._started:
            self._started = True
            self._start()
        if suite in self._faults:
            raise self._faults[suite]
        return self._boots[suite].report(test)

    def stop(self) -> None:
        """End every machine."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for boot in self._boots.values():
            boot.stop()
        self._pool.shutdown()

    def _start(self) -> None:
        found: dict[tuple[bool, bool, bool, int], kernel.Kernel | Exception] = {}
        folder: Path | None = None
        for name, suite in SUITES.items():
            if name not in self._tests:
                continue
            wanted = suite.of_packages, suite.kernel_of_packages, suite.installed, suite.least_qemu
            if wanted not in found:
                found[wanted] = obtained(suite)
            booted = found[wanted]
            if isinstance(booted, Exception):
                self._faults[name] = booted
                continue
            folder = folder or new_run_folder()
            self._boots[name] = Boot(name, self._tests[name], folder)
            self._pool.submit(self._boots[name].run, booted)


def obtained(suite: Suite) -> kernel.Kernel | Exception:
    """What a suite boots, ready for use; or what went wrong, whatever it is: it would cost each test as much again."""
    try:
        booted = suite.obtain()
        booted.compile()
    except Exception as error:
        return error
    return booted


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
