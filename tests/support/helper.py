"""A helper process under test: ours or the C original, started, watched from outside, and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

OURS = (sys.executable, "-I", "-m", "prhelper")
QEMU_PR_HELPER = shutil.which("qemu-pr-helper", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/lib/qemu")


def wait_until(condition: Callable[[], object], timeout: float = 10.0, what: str = "the condition") -> None:
    """Poll for something that gives no event. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}"
        time.sleep(0.005)


class Helper:
    """A running helper process, listening on `socket`. A context manager: leaving it kills what is still there."""

    def __init__(
        self,
        directory: Path,
        command: Sequence[str] = OURS,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.socket = directory / "helper.sock"
        self.log = directory / "helper.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-k", str(self.socket), *options],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
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
        """How many descriptors the process has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208

    def threads(self) -> int:
        """How many threads the process has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))  # noqa: PTH208

    def output(self) -> str:
        """What the process has written to standard output and error so far."""
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM, timeout: float = 20.0) -> int:
        """Send a signal and wait: the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()

    def _listening(self) -> bool:
        assert self.process.poll() is None, f"the helper ended at once: {self.output()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(os.fspath(self.socket)) == 0

    def __enter__(self) -> "Helper":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
