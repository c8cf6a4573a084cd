"""A pytest plugin: appends the properties of every test that has some to the file that COLLECT_INTO names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test recorded, a line of JSON a property."""
    if report.when == "call" and report.user_properties:
        with Path(os.environ["COLLECT_INTO"]).open("a") as file:
            for name, value in report.user_properties:
                file.write(json.dumps([name, value]) + "\n")
