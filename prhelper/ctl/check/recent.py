"""The helper's log of the last hour, without keys, for a report."""

import re
import shutil
import subprocess

_KEY = re.compile(r"(key )0x[0-9a-f]+")
_MAX_LINES = 1000
_PATIENCE = 20.0


def lines() -> list[str]:
    """The last lines of the journal that are the helper's; none where there is no journal to read."""
    if shutil.which("journalctl") is None:
        return []
    command = ["journalctl", "-q", "--no-pager", "-o", "short-iso", "--since=-1h", "-t", "prhelper", f"-n{_MAX_LINES}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [without_keys(line) for line in done.stdout.decode(errors="replace").splitlines()]


def without_keys(line: str) -> str:
    """The same with each key blotted out: who knows one may preempt it."""
    return _KEY.sub(r"\g<1>(blotted out)", line)
