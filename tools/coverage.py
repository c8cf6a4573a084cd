"""How much of the core its own tests run: `make coverage`. Exit status 1 if that is too little.

Names of groups (`groups.py`) as arguments restrict it to those.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .groups import Group, chosen

CACHE = Path(".cache/covered")
ENOUGH = 95.0
"""Percent, of the lines and of the branches each."""


def main(names: list[str]) -> int:
    """Run the tests of each group, print what they missed, and judge: the exit status."""
    CACHE.mkdir(parents=True, exist_ok=True)
    groups, lacking = chosen(names), []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for group, (text, enough) in zip(groups, pool.map(covered, groups), strict=True):
            print(text, flush=True)
            if not enough:
                lacking.append(group.name)
    if lacking:
        print(f"not enough is covered, or tests fail, in: {', '.join(lacking)}")
    return 1 if lacking else 0


def covered(group: Group) -> tuple[str, bool]:
    """Run the tests of a group: what was printed, and whether they pass and run enough of it."""
    data = f"--data-file={CACHE / group.name}"
    report = CACHE / f"report-{group.name}.json"
    include = "--include=" + ",".join(map(str, group.modules()))
    texts = []
    for arguments in (
        ("run", data, "-m", "pytest", "-q", "-p", f"{__package__}.bare_threads", *group.tests),
        ("report", data, include),
        ("json", data, include, "-q", "-o", str(report)),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        texts.append(done.stdout)
        if done.returncode:
            return "".join(texts), False
    totals = json.loads(report.read_text())["totals"]
    lines = percent(totals["covered_lines"], totals["num_statements"])
    branches = percent(totals["covered_branches"], totals["num_branches"])
    texts.append(
        f"{group.name}: {lines:.1f} % of the lines and {branches:.1f} % of the branches; {ENOUGH:.0f} % is enough"
    )
    return "".join(texts), min(lines, branches) >= ENOUGH


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
