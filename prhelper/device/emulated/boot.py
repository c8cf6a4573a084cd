"""Which boot of the machine this is, for names that mean nothing in another one."""

import os
import secrets
from pathlib import Path

RUN = secrets.token_hex(8)
"""Tells what is named in this process from what was named in the last, whose names may still be in the database."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_VARIABLE = "PRHELPER_BOOT_ID"
_MARK = " boot "


def of_this_boot(name: str) -> str:
    """The name, marked as one of this boot alone; where /proc does not tell which that is, of this process alone."""
    return name + _MARK + _boot_id()


def is_of_another_boot(name: str) -> bool:
    """Whether a name was marked in another boot."""
    _, mark, boot = name.rpartition(_MARK)
    return bool(mark) and boot != _boot_id()


def _boot_id() -> str:
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:  # ProcSubset=pid hides it; the unit passes it on instead
        boot = os.environ.get(_VARIABLE, "")
    return boot.replace("-", "") or f"unknown, run {RUN}"
