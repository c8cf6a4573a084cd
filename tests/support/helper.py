"""A helper process under test: ours or the C original, started, watched from outside, and stopped."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio

from prhelper import __file__ as package

from .client import Client
from .patience import PATIENCE

OURS = (sys.executable, "-I", "-m", "prhelper")


def for_any_interpreter() -> dict[str, str]:
    """Environment in which another Python than this one finds prhelper, and what that imports."""
    places = [Path(package).parent.parent, Path(anyio.__file__).parent.parent]
    return {"PYTHONPATH": os.pathsep.join(map(str, places))}


def wait_until(condition: Callable[[], object], timeout: float = PATIENCE, what: str = "the condition") -> None:
    """Poll for something that gives no event. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(0.005)


def is_another_file(path: Path, than: os.stat_result) -> bool:
    """Whether there is a file at this path, and another one; at a moment it may be neither."""
    try:
        return not os.path.samestat(path.stat(), than)
    except FileNotFoundError:
        return False


def is_listening(path: Path) -> bool:
    """Whether somebody listens on a Unix socket; unlike connecting, this leaves no trace there."""
    accepts_connections = "00010000"
    lines = Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]
    return any(fields[3] == accepts_connections and fields[-1] == str(path) for fields in map(str.split, lines))


def run_to_end(*options: str | Path, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run our helper where it is expected to end by itself."""
    command = [*OURS, *map(str, options)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)


@dataclass(frozen=True)
class Rest:
    """What a helper has open and running while nobody is connected."""

    descriptors: int
    threads: int


class Helper:
    """A running helper process, listening on `socket`. A context manager: leaving it kills what is still there.

    Ours may still be starting then: what it does after it listens has been done once a client has negotiated.

    Standard output and error go to the file `log`, or standard error to `stderr`, as for Popen.
    """

    def __init__(
        self,
        directory: Path,
        command: Sequence[str] = OURS,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        stderr: int | IO[bytes] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.socket = directory / "helper.sock"
        self.log = directory / "helper.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-k", str(self.socket), *options],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if stderr is None else stderr,
                cwd=cwd,
            )
        try:
            wait_until(self._listening, what=f"{self.socket} to appear")
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    def descriptors(self) -> int:
        """How many descriptors the process has open, but for files that it is reading to learn a client's name."""
        return sum(not name.startswith("/proc/") for name in self.open_files())

    def open_files(self) -> list[str]:
        """What the process's descriptors refer to."""
        names = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):  # noqa: PTH208
            with contextlib.suppress(FileNotFoundError):  # closed since
                names.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))  # noqa: PTH115
        return names

    def threads(self) -> int:
        """How many threads the process has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))  # noqa: PTH208

    def cpu_seconds(self) -> float:
        """How much processor time the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> Rest:
        """What there is now, when nobody is connected."""
        with Client(self.socket):  # it has had an answer, so whatever is started late is there
            return Rest(self.descriptors() - 1, self.threads())

    def wait_for_rest(self, rest: Rest) -> None:
        """Wait until every client is forgotten; a descriptor too many fails."""
        self.wait_for_descriptors(rest.descriptors)

    def wait_for_descriptors(self, count: int) -> None:
        """Wait until no more than so many descriptors are open."""
        wait_until(lambda: self.descriptors() <= count, what=f"{count} descriptors to be left")

    def wait_for_idle_threads(self, rest: Rest) -> None:
        """Wait until threads that have nothing to do any more have ended."""
        wait_until(lambda: self.threads() <= rest.threads, 20.0, f"{rest.threads} threads to be left")

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until the log has a text, so many times."""
        wait_until(lambda: self.output().count(text) >= times, what=f"'{text}' in the log")

    def limit_descriptors(self, more: int) -> int:
        """Let the process open so many descriptors more than now, perhaps a few beyond: how many in all."""
        highest = max(map(int, os.listdir(f"/proc/{self.pid}/fd")))  # noqa: PTH208
        limit = highest + 1 + more
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (limit, limit))
        return limit

    def output(self) -> str:
        """What the process has written to the log so far."""
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM, timeout: float = PATIENCE) -> int:
        """Send a signal and wait: the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()

    def _listening(self) -> bool:
        assert self.process.poll() is None, f"the helper ended at once: {self.output()}"
        return self.socket.is_socket() and is_listening(self.socket)

    def __enter__(self) -> "Helper":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        if self.process.stderr is not None:
            self.process.stderr.close()
