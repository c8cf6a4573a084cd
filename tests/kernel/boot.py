"""One boot of the fleet (fleet.py): a machine that runs the selected tests of one suite, and what it tells of them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support import debian_package

from . import emulator, kernel
from .suites import SUITES

MAX_BOOTS = 3
"""How often a machine is tried that stands still, or does not get as far as to its first test."""

Tell = Callable[..., None]
"""Takes an event, as keywords."""


class Boot:
    """One machine's run over some tests of a suite. `run` belongs to one thread; `stop` to any."""

    def __init__(self, name: str, tests: Sequence[str], folder: Path, tell: Tell) -> None:
        self._suite = SUITES[name]
        self._name = name
        self._tests = tests
        self._folder = folder
        self._tell = tell
        self._running = "starting up"
        self._finished: set[str] = set()
        self._may_try_again = False
        self._stopped = False
        self._boots = 1
        self._emulator: emulator.Emulator | None = None

    def run(self, booted: kernel.Kernel) -> None:
        """Boot the machine and follow it to its end."""
        try:
            story = self._follow(booted)
            while self._may_try_again and self._boots < MAX_BOOTS and not self._stopped:
                self._boots += 1
                story = self._follow(booted)
        except kernel.MissingError as error:
            self._tell(missing=str(error))
            return
        except Exception as error:
            story = f"running the emulator failed: {error!r}"
        tail = emulator.tail(self._console, lines=40)
        self._tell(over=f"{story} ({self._running}). The end of its console, {self._console}:\n{tail}")

    def stop(self) -> None:
        """End the machine early, from another thread."""
        self._stopped = True
        if self._emulator is not None:
            self._emulator.stop()

    def _follow(self, booted: kernel.Kernel) -> str:
        """Pass on the reports; return how it ended."""
        self._may_try_again = False
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
                    self._take(event)
        except emulator.StillError as error:
            self._may_try_again = True
            return f"{error}{noise}"
        except emulator.HungError as error:
            # Before any test it is the machine's own fault: a test that hangs is ended by its time limit, and reported.
            self._may_try_again = not self._finished
            return f"{error}{noise}"
        finally:
            machine.stop()
            machine.reap()
        return f"the guest ended early{noise}"

    def _take(self, event: dict[str, Any]) -> None:
        if "started" in event:
            self._running = f"it was at {event['started']}"
        if "finished" in event:
            self._running = f"it had finished {event['finished']}"
            self._finished.add(event["finished"])
        self._tell(**event)

    @property
    def _console(self) -> Path:
        return self._folder / f"{self._name}.{self._boots}.console"

    def _package(self, revision: int) -> Path:
        """A revision of the Debian package, where every guest can see it."""
        (built,) = debian_package.built(revision).glob("*.deb")
        return Path(shutil.copy(built, self._folder))

    def _write_script(self, booted: kernel.Kernel) -> Path:
        """The script that the guest boots into: run the tests that are left, then reset it, which ends the emulator."""
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": "/run",
            "CI": os.environ.get("CI", ""),  # what is missing there fails
            "GUEST_SUITE": self._name,
            "GUEST_PACKAGES": ":".join(str(self._package(n + 1)) for n in range(self._suite.revisions)),
            "GUEST_KERNEL": str(booted.seen_by_guest),
            "GUEST_QEMU": str(self._suite.obtain_qemu() or ""),
            "GUEST_HELPER": os.environ.get("PRHELPER_COMMAND") or f"{booted.python} -I -m prhelper",
            "PRHELPER_THOROUGH": os.environ.get("PRHELPER_THOROUGH", ""),
        }
        pytest = [booted.python, "-m", "pytest", "-p", "tests.kernel.guest.reporter", "-p", "no:cacheprovider"]
        tests = [test for test in self._tests if test not in self._finished]
        lines = [
            *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
            *booted.preparation(),
            f"cd {shlex.quote(str(kernel.REPOSITORY))}",
            "run_tests() {",
            f"    while sleep {emulator.BEAT}; do printf . >/dev/ttyS2; done &",
            "    " + shlex.join([*pytest, "--quiet", "--color=no", *tests]),
            "    echo b > /proc/sysrq-trigger",
            "}",
        ]
        if self._suite.init:
            lines.append(f'[ "$1" = tests ] || . tests/kernel/{self._suite.init}')
        lines.append("run_tests")
        script = self._folder / f"{self._name}.sh"
        script.write_text("\n".join(lines) + "\n")
        return script
