"""Marks names that are valid for this boot only."""

import os
import secrets
from pathlib import Path

RUN = secrets.token_hex(8)
"""Distinguishes names made by this process from those of an earlier one, which may still be in the database."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_VARIABLE = "PRHELPER_BOOT_ID"
_MARK = " boot "


def of_this_boot(name: str) -> str:
    """The name, marked as valid for this boot only; for this process only if /proc hides the boot ID."""
    return name + _MARK + _boot_id()


def is_of_another_boot(name: str) -> bool:
    """Whether a name is marked as one of another boot."""
    _, mark, boot = name.rpartition(_MARK)
    return bool(mark) and boot != _boot_id()


def _boot_id() -> str:
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:  # ProcSubset=pid hides it; the unit passes it on instead
        boot = os.environ.get(_VARIABLE, "")
    return boot.replace("-", "") or f"unknown, run {RUN}"
