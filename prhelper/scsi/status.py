"""How a command ended: the status of the device (SAM-5, 5.3.1), and that of the host adapter's driver."""

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


class HostStatus(enum.IntEnum):
    """How the host adapter's driver fared, as the kernel's enum scsi_host_status (scsi/scsi_status.h); DID_OK is 0."""

    DID_NO_CONNECT = 0x01
    DID_BUS_BUSY = 0x02
    DID_TIME_OUT = 0x03
    DID_BAD_TARGET = 0x04
    DID_ABORT = 0x05
    DID_PARITY = 0x06
    DID_ERROR = 0x07
    DID_RESET = 0x08
    DID_BAD_INTR = 0x09
    DID_PASSTHROUGH = 0x0A
    DID_SOFT_ERROR = 0x0B
    DID_IMM_RETRY = 0x0C
    DID_REQUEUE = 0x0D
    DID_TRANSPORT_DISRUPTED = 0x0E
    DID_TRANSPORT_FAILFAST = 0x0F
    DID_TARGET_FAILURE = 0x10
    DID_NEXUS_FAILURE = 0x11
    DID_ALLOC_FAILURE = 0x12
    DID_MEDIUM_ERROR = 0x13
    DID_TRANSPORT_MARGINAL = 0x14


def status_name(status: int) -> str:
    """The standard's name of a status, or its number if the standard has no name for it."""
    try:
        return Status(status).name.replace("_", " ")
    except ValueError:
        return f"status {status:#04x}"
