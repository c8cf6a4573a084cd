"""The guest's side of the reports: a pytest plugin that writes a line of JSON for each event to the second serial port.

Events: {"started": id}, {"phase": a report of setup, call or teardown} and {"finished": id}.
"""

from __future__ import annotations

import json
import tty
from pathlib import Path
from typing import Any

import pytest

PORT = Path("/dev/ttyS1")


class Reporter:
    """Writes events to the port, raw and unbuffered."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._port = PORT.open("wb", buffering=0)
        tty.setraw(self._port.fileno())

    def _send(self, **event: Any) -> None:
        line = json.dumps(event).encode() + b"\n"
        while line:
            line = line[self._port.write(line) :]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._send(started=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self._config.hook
        self._send(phase=hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._send(finished=nodeid)

    def pytest_unconfigure(self) -> None:
        self._port.close()  # returns when the last byte is on its way


def pytest_configure(config: pytest.Config) -> None:
    """Report, from now on."""
    config.pluginmanager.register(Reporter(config), "guest-reporter")
