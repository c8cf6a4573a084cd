"""Executes persistent reservation commands on real devices, through SG_IO."""

import errno
import time

from ..channel import current_context
from ..logs import trace
from ..scsi.outcome import outcome_of_errno, outcome_of_result
from ..scsi.reservation import Command
from ..scsi.sg_io import send_command
from .execution import Result
from .identity import Target

_REMEDIES = {
    errno.EPERM: "prhelper needs the capability CAP_SYS_RAWIO, in the initial user namespace, to send SCSI commands",
    errno.ENOTTY: "it is no SCSI device: give the virtual machine a SCSI disk, or no persistent reservations",
    errno.EBADF: "its descriptor was opened with O_PATH",
}


class ScsiDevice:
    """An executor for any SCSI device.

    timeout: seconds after which the kernel aborts a command (the `timeout` of struct sg_io_hdr).
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def execute(self, command: Command, target: Target) -> Result:
        """Send one command to the device. See `Executor`."""
        device = target.device
        key = device if device is not None and device.is_device else None
        return await current_context().call(key, lambda: self._submit(command, target))

    def _submit(self, command: Command, target: Target) -> Result:
        began = time.monotonic()
        try:
            sent = send_command(target.fd, command, self._timeout)
        except OSError as error:
            seconds = time.monotonic() - began
            trace.sg_io_error(target.device, error.strerror, seconds)
            return Result(outcome_of_errno(error.errno), seconds, _explain(error), error.errno)
        seconds = time.monotonic() - began
        if trace.sg_io.enabled:
            trace.sg_io(target.device, sent.status, sent.host_status, sent.driver_status, sent.resid, seconds)
        return Result(outcome_of_result(sent), seconds)


def _explain(error: OSError) -> str:
    text = f"SG_IO: {error.strerror}"
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{text}; {remedy}" if remedy else text
