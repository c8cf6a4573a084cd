"""Starts of a helper that no service manager runs, each with --replace."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...support.helper import OURS, wait_until
from ...support.patience import PATIENCE


class Starts:
    """They listen on `path` one after another, with a pidfile and a control socket; each has a log of its own."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        self.path = directory / "helper.sock"
        self.pidfile = directory / "helper.pid"
        self.control = directory / "control"
        self.env = dict(env)
        self.processes: list[subprocess.Popen[bytes]] = []
        self._directory = directory

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The start that came last."""
        return self.processes[-1]

    def start(self, *options: str, env: Mapping[str, str] | None = None, command: Sequence[str] = OURS) -> None:
        """Start the helper, and wait until it serves."""
        self.launch(*options, env=env, command=command)
        self.wait_for_log("listening on")

    def launch(self, *options: str, env: Mapping[str, str] | None = None, command: Sequence[str] = OURS) -> None:
        """Start the helper."""
        places = ("-k", str(self.path), "-f", str(self.pidfile), "--control", str(self.control))
        with (self._directory / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--replace", *places, *options],
                env={**os.environ, **(self.env if env is None else env)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)

    def output(self, number: int = -1) -> str:
        """The log of a start, so far."""
        return (self._directory / f"{number % len(self.processes)}.log").read_text(errors="replace")

    def wait_for_log(self, text: str, number: int = -1) -> None:
        """Wait until the log of a start has a text."""
        which = number % len(self.processes)
        process = self.processes[which]

        def says_so() -> bool:
            return text in self.output(which) or process.poll() is not None

        wait_until(says_so, 40.0, f"'{text}' in the log")
        assert text in self.output(which), self.output(which)

    def has_ended(self, number: int) -> int:
        """Wait until a start has ended: its status."""
        return self.processes[number].wait(PATIENCE)

    def descriptors(self, number: int = -1) -> list[str]:
        """What a start has open, clients' connections and all, but for its log."""
        return [name for name in open_in(self.processes[number].pid) if not name.endswith(".log")]

    def stop(self) -> None:
        """Stop the one that came last."""
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.output()

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def open_in(pid: int) -> list[str]:
    """What a process has open; but for files of /proc, from which it reads for a moment who a new client is."""
    names = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            names.append(os.readlink(file).partition(":")[0])  # noqa: PTH115
    return sorted(name for name in names if not name.startswith("/proc/"))
