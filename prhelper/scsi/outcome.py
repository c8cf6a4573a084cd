"""What a guest is told about a command: one place that turns errno and the three SG_IO statuses into status and sense.

The tables are those of qemu-pr-helper, as it was seen to answer (ENODEV as since 11.1), with one correction: where it
takes a host status that it does not know for GOOD, and passes on whatever is in the buffer, this says CHECK CONDITION.
A reservation that may not have happened must never look as if it had.
"""

import errno
from typing import NamedTuple

from . import sense
from .sense import SENSE_SIZE, Sense
from .sg_io import HostStatus, SgIoResult
from .status import Status

NO_SENSE = bytes(SENSE_SIZE)


class Outcome(NamedTuple):
    """Status, sense data of exactly SENSE_SIZE bytes, and the data of a command that read some."""

    status: int
    sense: bytes = NO_SENSE
    data: bytes = b""


def check_condition(meaning: Sense) -> Outcome:
    """CHECK CONDITION with sense data made here."""
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
    HostStatus.NO_CONNECT: check_condition(sense.LUN_NOT_RESPONDING),
    HostStatus.BUS_BUSY: Outcome(Status.BUSY),
    HostStatus.TIME_OUT: check_condition(sense.COMMAND_TIMEOUT),
    HostStatus.BAD_TARGET: check_condition(sense.LUN_COMM_FAILURE),
    HostStatus.ABORT: check_condition(sense.COMMAND_ABORTED),
    HostStatus.RESET: check_condition(sense.RESET_OCCURRED),
    HostStatus.TRANSPORT_DISRUPTED: check_condition(sense.I_T_NEXUS_LOSS),
    HostStatus.TARGET_FAILURE: check_condition(sense.TARGET_FAILURE),
    HostStatus.NEXUS_FAILURE: Outcome(Status.RESERVATION_CONFLICT),
    HostStatus.ALLOC_FAILURE: check_condition(sense.SPACE_ALLOC_FAILED),
    HostStatus.MEDIUM_ERROR: check_condition(sense.READ_ERROR),
}
_ANY_OTHER_HOST_STATUS = check_condition(sense.I_T_NEXUS_LOSS)

_DRIVER_FAULT = 0x06
"""Bits of the driver status; its other values are harmless, or only say that there is sense data (DRIVER_SENSE)."""


def outcome_of_errno(number: int | None) -> Outcome:
    """What the guest is told when the kernel would not take the command."""
    return _FROM_ERRNO.get(number or 0, _ANY_OTHER_ERRNO)


def outcome_of_result(result: SgIoResult) -> Outcome:
    """What the guest is told when the kernel took the command: trouble on the way first, then the device's own word.

    Data goes along only with GOOD.
    """
    sense_data = result.sense.ljust(SENSE_SIZE, b"\0") if result.sense else NO_SENSE
    if result.host_status:
        if (known := _FROM_HOST_STATUS.get(result.host_status)) is not None:
            return known if known.sense != NO_SENSE else known._replace(sense=sense_data)
        if result.status == Status.GOOD:
            return _ANY_OTHER_HOST_STATUS
    status = Status.BUSY if result.driver_status & _DRIVER_FAULT else result.status
    return Outcome(status, sense_data, result.data if status == Status.GOOD else b"")
