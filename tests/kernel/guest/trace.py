"""The kernel's own word on which commands went to a device, by whom, and what became of them.

A trace instance of our own records the SCSI midlayer's events for PERSISTENT RESERVE IN and OUT. Its pipe can be waited
on, so a test learns of "the command is with the device now" without sleeping.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

TRACEFS = Path("/sys/kernel/tracing")
EVENTS = ("scsi_dispatch_cmd_start", "scsi_dispatch_cmd_done", "scsi_dispatch_cmd_timeout")
LINE = re.compile(
    r"^\s*(?P<task>.+)-(?P<tid>\d+)\s+\[.*?(?P<at>\d+\.\d+): "
    r"scsi_dispatch_cmd_(?P<what>\w+): .*cmnd=\((?P<command>\w+)"
)


class Event(NamedTuple):
    """`what` is "start", "done" or "timeout"; `tid` the thread in whose time it happened; `at` in seconds."""

    what: str
    command: str
    tid: int
    at: float


class Trace:
    """Records from `with` on."""

    def __enter__(self) -> Trace:
        if not (TRACEFS / "instances").is_dir():
            subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], check=True)
        self._instance = TRACEFS / "instances" / f"test-{time.monotonic_ns()}"
        self._instance.mkdir()
        for event in EVENTS:
            folder = self._instance / "events" / "scsi" / event
            (folder / "filter").write_text("opcode == 0x5e || opcode == 0x5f")
            (folder / "enable").write_text("1")
        self._pipe = os.open(self._instance / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self._text = ""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._pipe)
        self._instance.rmdir()

    def events(self) -> list[Event]:
        """Everything recorded so far."""
        while True:
            try:
                data = os.read(self._pipe, 65536)
            except BlockingIOError:
                break
            if not data:
                break
            self._text += data.decode()
        found = map(LINE.match, self._text.splitlines())
        return [
            Event(match["what"], match["command"], int(match["tid"]), float(match["at"])) for match in found if match
        ]

    def started(self, command: str = "PERSISTENT_RESERVE_OUT") -> int:
        """How often a command was handed to a device."""
        return sum((event.what, event.command) == ("start", command) for event in self.events())

    def wait_for(self, what: str, seconds: float = 30) -> Event:
        """Wait until there is an event of that kind."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        deadline = time.monotonic() + seconds
        while not (found := [event for event in self.events() if event.what == what]):
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError(f"no event '{what}' within {seconds} s: {self._text}")
        return found[0]
