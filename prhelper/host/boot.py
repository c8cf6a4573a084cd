"""Which boot of the machine this is."""

import os
import secrets
from pathlib import Path

RUN = secrets.token_hex(8)
"""Distinguishes this process from an earlier one."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_VARIABLE = "PRHELPER_BOOT_ID"


def boot_id() -> str:
    """The boot ID, without hyphens; where it cannot be told, something that no other process has."""
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:  # ProcSubset=pid hides it; the unit passes it on instead
        boot = os.environ.get(_VARIABLE, "")
    return boot.replace("-", "") or f"unknown, run {RUN}"
