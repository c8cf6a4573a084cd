"""The answer to a command: errno and the three statuses of SG_IO become a SCSI status and sense data.

The tables reproduce qemu-pr-helper's observed answers (ENODEV as since version 11.1), with one correction: it reports
an unknown host status as GOOD and returns stale buffer contents; we return CHECK CONDITION. A reservation that may not
have happened must never look as if it had.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from . import sense
from .sense import SENSE_SIZE, Sense
from .status import HostStatus, Status

if TYPE_CHECKING:  # sg_io needs ctypes, and the wire format, which needs Outcome, does without
    from .sg_io import SgIoResult

NO_SENSE = bytes(SENSE_SIZE)


class Outcome(NamedTuple):
    """Status, sense data of exactly SENSE_SIZE bytes, and the data that a command read."""

    status: int
    sense: bytes = NO_SENSE
    data: bytes = b""


def check_condition(meaning: Sense) -> Outcome:
    """CHECK CONDITION with sense data of our own."""
    return Outcome(Status.CHECK_CONDITION, meaning.to_bytes())


_FROM_ERRNO: dict[int, Outcome] = {
    errno.EDOM: Outcome(Status.TASK_SET_FULL),
    errno.EBADE: Outcome(Status.RESERVATION_CONFLICT),
    errno.ENOMEM: check_condition(sense.TARGET_FAILURE),
    errno.EREMOTEIO: check_condition(sense.TARGET_FAILURE),
    errno.ENODEV: check_condition(sense.TARGET_FAILURE),
    errno.EINVAL: check_condition(sense.INVALID_FIELD),
    errno.ENODATA: check_condition(sense.READ_ERROR),
    errno.ENOMEDIUM: check_condition(sense.NO_MEDIUM),
    errno.ENOSPC: check_condition(sense.SPACE_ALLOC_FAILED),
}
_ANY_OTHER_ERRNO = check_condition(sense.IO_TERMINATED)

_FROM_HOST_STATUS: dict[int, Outcome] = {
    HostStatus.DID_NO_CONNECT: check_condition(sense.LUN_NOT_RESPONDING),
    HostStatus.DID_BUS_BUSY: Outcome(Status.BUSY),
    HostStatus.DID_TIME_OUT: check_condition(sense.COMMAND_TIMEOUT),
    HostStatus.DID_BAD_TARGET: check_condition(sense.LUN_COMM_FAILURE),
    HostStatus.DID_ABORT: check_condition(sense.COMMAND_ABORTED),
    HostStatus.DID_RESET: check_condition(sense.RESET_OCCURRED),
    HostStatus.DID_TRANSPORT_DISRUPTED: check_condition(sense.I_T_NEXUS_LOSS),
    HostStatus.DID_TARGET_FAILURE: check_condition(sense.TARGET_FAILURE),
    HostStatus.DID_NEXUS_FAILURE: Outcome(Status.RESERVATION_CONFLICT),
    HostStatus.DID_ALLOC_FAILURE: check_condition(sense.SPACE_ALLOC_FAILED),
    HostStatus.DID_MEDIUM_ERROR: check_condition(sense.READ_ERROR),
}
_ANY_OTHER_HOST_STATUS = check_condition(sense.I_T_NEXUS_LOSS)

_DRIVER_FAULT = 0x06
"""Bits of the driver status that mean a fault. Other values are harmless, or announce sense data (DRIVER_SENSE)."""


def outcome_of_errno(number: int | None) -> Outcome:
    """The answer when the kernel refused the command."""
    return _FROM_ERRNO.get(number or 0, _ANY_OTHER_ERRNO)


def outcome_of_result(result: SgIoResult) -> Outcome:
    """The answer when the kernel accepted the command. A transport fault outranks the device's own status.

    Data is returned only with GOOD.
    """
    sense_data = result.sense.ljust(SENSE_SIZE, b"\0") if result.sense else NO_SENSE
    if result.host_status:
        if (known := _FROM_HOST_STATUS.get(result.host_status)) is not None:
            return known if known.sense != NO_SENSE else known._replace(sense=sense_data)
        if result.status == Status.GOOD:
            return _ANY_OTHER_HOST_STATUS
    status = Status.BUSY if result.driver_status & _DRIVER_FAULT else result.status
    return Outcome(status, sense_data, result.data if status == Status.GOOD else b"")
