"""What systemd says of units; nothing where there is no systemd."""

import shutil
import subprocess
from functools import cache

_PATIENCE = 10.0


@cache
def properties_of(unit: str) -> dict[str, str]:
    """All properties of a unit (systemctl show); empty if it is not installed, or there is no systemd to ask."""
    if shutil.which("systemctl") is None:
        return {}
    try:
        done = subprocess.run(
            ["systemctl", "show", "--no-pager", unit], capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = (line.partition("=") for line in done.stdout.decode(errors="replace").split("\n"))
    found = {name: value for name, _, value in lines}
    return found if found.get("LoadState") in ("loaded", "masked") else {}


def state_of(unit: str) -> str:
    """As "inactive", "masked" or "failed (exit-code)"; empty if it is not installed."""
    properties = properties_of(unit)
    if properties.get("LoadState") == "masked":
        return "masked"
    state, result = properties.get("ActiveState", ""), properties.get("Result", "success")
    return f"{state} ({result})" if state and result != "success" else state
