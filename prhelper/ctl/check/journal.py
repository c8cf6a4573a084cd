"""Reading the journal, where there is one that this user may read."""

import shutil
import subprocess

_PATIENCE = 20.0
"""Seconds."""


def lines(*arguments: str) -> list[str]:
    """The lines that journalctl prints with these arguments; none if it cannot be asked."""
    if shutil.which("journalctl") is None:
        return []
    try:
        done = subprocess.run(
            ["journalctl", "-q", "--no-pager", *arguments], capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode(errors="replace").splitlines()
