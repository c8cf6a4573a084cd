"""Measure suites, and write the tables anew from all that were measured. Exit status 1 if a run failed.

Each suite takes 10 to 20 minutes in its emulated machine. What was measured stays in .cache/multipath.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .table import write_tables

CACHE = Path(".cache/multipath")
COMPARISON = "tests/kernel/guest/multipath/comparison.py"
DOCUMENT = Path("docs/multipath.md")


def measure(suite: str, *options: str) -> bool:
    """Run every scenario in a machine of that suite: whether all could be run."""
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = CACHE / f"{suite}.new"
    fresh.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", f"{__package__}.collecting", COMPARISON, *options]
    done = subprocess.run(command, env={**os.environ, "PRHELPER_SUITE": suite, "COLLECT_INTO": str(fresh)})
    if fresh.exists():
        fresh.rename(CACHE / suite)
    return done.returncode == 0


def main(suites: list[str]) -> int:
    """Measure those suites; write the tables."""
    measured = [measure(suite) for suite in suites]
    write_tables(DOCUMENT, CACHE)
    return 0 if all(measured) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
