"""On what the figures were made: without it they say nothing."""

import datetime
import os
import platform
from pathlib import Path

import prhelper

from .programs import Programs


def describe(programs: Programs) -> dict[str, str]:
    """Name by name, in the order to be read."""
    return {
        "machine": f"{len(os.sched_getaffinity(0))} x {_processor()}",
        "kernel": f"Linux {platform.release()}",
        "prhelper": f"{prhelper.__version__}, {programs.python_version()}",
        "C helper": programs.reference_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
