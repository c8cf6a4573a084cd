"""SCSI status codes (SAM-5, 5.3.1)."""

import enum


class Status(enum.IntEnum):
    """The status byte that ends a command."""

    GOOD = 0x00
    CHECK_CONDITION = 0x02
    CONDITION_MET = 0x04
    BUSY = 0x08
    RESERVATION_CONFLICT = 0x18
    TASK_SET_FULL = 0x28
    ACA_ACTIVE = 0x30
    TASK_ABORTED = 0x40


def status_name(status: int) -> str:
    """The standard's name of a status, or its number where the standard has none."""
    try:
        return Status(status).name.replace("_", " ")
    except ValueError:
        return f"status {status:#04x}"
