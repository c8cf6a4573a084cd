"""How much of the core its own tests run: `make coverage`. Exit status 1 if that is too little.

Names of groups (`groups.py`) as arguments restrict it to those.
"""

import json
import subprocess
import sys
from pathlib import Path

from .groups import Group, chosen

CACHE = Path(".cache/covered")
ENOUGH = 95.0
"""Percent, of the lines and of the branches each."""


def main(names: list[str]) -> int:
    """Run the tests of each group, print what they missed, and judge: the exit status."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        lacking = [group.name for group in chosen(names) if not covered(group)]
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    if lacking:
        print(f"too little is covered in: {', '.join(lacking)}")
    return 1 if lacking else 0


def covered(group: Group) -> bool:
    """Run the tests of a group, and print how much of it they ran: whether that is enough."""
    data = f"--data-file={CACHE / group.name}"
    report = CACHE / f"report-{group.name}.json"
    include = "--include=" + ",".join(map(str, group.modules()))
    coverage("run", data, "-m", "pytest", "-q", "-p", f"{__package__}.bare_threads", *group.tests)
    coverage("report", data, include)
    coverage("json", data, include, "-q", "-o", str(report))
    totals = json.loads(report.read_text())["totals"]
    lines = percent(totals["covered_lines"], totals["num_statements"])
    branches = percent(totals["covered_branches"], totals["num_branches"])
    print(f"{group.name}: {lines:.1f} % of the lines and {branches:.1f} % of the branches; {ENOUGH:.0f} % is enough")
    return min(lines, branches) >= ENOUGH


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def coverage(*arguments: str) -> None:
    """Run the program coverage, as pyproject.toml sets it up. Raises CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", "coverage", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
