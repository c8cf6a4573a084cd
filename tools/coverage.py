"""How much of the channel layer its own tests run: `make coverage`. Exit status 1 if that is too little."""

import json
import subprocess
import sys
from pathlib import Path

REPORT = Path(".cache/channel-coverage.json")
ENOUGH = 95.0
"""Per cent, of the lines and of the branches each."""


def main() -> int:
    """Run the tests, print what they missed, and judge: the exit status."""
    Path(".cache").mkdir(exist_ok=True)
    try:
        coverage("run", "-m", "pytest", "-q", "tests/unit/channel")
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    coverage("report")
    coverage("json", "-q", "-o", str(REPORT))
    totals = json.loads(REPORT.read_text())["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(
        f"prhelper/channel: {lines:.1f} % of the lines and {branches:.1f} % of the branches; {ENOUGH:.0f} % is enough"
    )
    return 0 if min(lines, branches) >= ENOUGH else 1


def coverage(*arguments: str) -> None:
    """Run the program coverage, as pyproject.toml sets it up. Raises CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", "coverage", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
