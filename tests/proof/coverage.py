"""How much of the channel layer its own tests run: `make coverage`. Exit status 1 if that is too little."""

import json
import subprocess
import sys
from pathlib import Path

REPORT = Path(".cache/coverage.json")
ENOUGH = 95.0
"""Per cent, of the lines and of the branches each."""


def main() -> int:
    """Run the tests, print what they missed, and judge: the exit status."""
    Path(".cache").mkdir(exist_ok=True)
    if coverage("run", "-m", "pytest", "-q", "tests/channel") != 0:
        return 1
    coverage("report")
    coverage("json", "--quiet", f"--output={REPORT}")
    totals = json.loads(REPORT.read_text())["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(
        f"prhelper/channel: {lines:.1f} % of the lines and {branches:.1f} % of the branches; {ENOUGH:.0f} % is enough"
    )
    return 0 if min(lines, branches) >= ENOUGH else 1


def coverage(*arguments: str) -> int:
    """Run the program coverage, as pyproject.toml sets it up: its exit status."""
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
