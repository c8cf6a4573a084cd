"""Runs load.c, in front or behind, and reads its results."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_NO_ANSWER = 3
_TIMEOUT = 60.0


class LoadError(Exception):
    """An answer was wrong, or lost."""


@dataclass(frozen=True)
class LoadResult:
    """Of all requests of all clients. Times in us, but `seconds` and `ended_at` (time.monotonic) in seconds."""

    requests: int
    requests_per_second: float
    p50: float
    p99: float
    max: float
    seconds: float
    ended_at: float


class LoadProgram:
    """The load program, on one helper. Keyword arguments are its options, with underscores; True where one is alone."""

    def __init__(self, program: Path, socket: Path) -> None:
        self._command = (str(program), "--socket", str(socket))

    def run(self, **options: str | float) -> LoadResult:
        """Run it to its end. Raises LoadError."""
        result = self.try_to_run(**options)
        if result is None:
            raise LoadError("a client got no answer")
        return result

    def try_to_run(self, **options: str | float) -> LoadResult | None:
        """The same, but None if a client got no answer in time (`give_up_ms`)."""
        with self.behind(**options) as load:
            return load.result()

    @contextlib.contextmanager
    def behind(self, **options: str | float) -> Iterator["BackgroundLoad"]:
        """Let it run behind; on leaving what is still there is killed."""
        words = [word for name, value in options.items() for word in _option(name, value)]
        with subprocess.Popen([*self._command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                yield BackgroundLoad(process)
            finally:
                process.kill()

    @contextlib.contextmanager
    def idle_clients(self, count: int) -> Iterator[None]:
        """So many more that have had one answer each, and are silent now."""
        command = [*self._command, "--clients", "0", "--idle", str(count), "--hold"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                if not _pipe(process.stdout).readline():
                    raise LoadError("idle clients could not be had")
                yield
            finally:
                _pipe(process.stdin).close()
                process.wait(_TIMEOUT)


class BackgroundLoad:
    """A load program that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def is_running(self) -> bool:
        """Whether it goes on; it ends early if an answer was wrong."""
        return self._process.poll() is None

    def result(self) -> LoadResult | None:
        """Wait for its end: what it measured; None if a client got no answer in time. Raises LoadError."""
        output, complaint = self._process.communicate(timeout=_TIMEOUT)
        if self._process.returncode == _NO_ANSWER:
            return None
        if self._process.returncode != 0:
            raise LoadError(complaint.decode().strip() or f"load ended with status {self._process.returncode}")
        return LoadResult(**json.loads(output))


def _option(name: str, value: str | float | bool) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option] if value else []
    return [option, str(value)]


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
