"""Executes persistent reservation commands on real devices, through SG_IO."""

import errno
import fcntl
import os
import time
from collections.abc import Callable

from ..channel import OwnedFd, current_context
from ..logs import trace
from ..scsi import sense
from ..scsi.outcome import check_condition, outcome_of_errno, outcome_of_result
from ..scsi.reservation import Command
from ..scsi.sg_io import read_command, write_command
from .execution import Execution
from .identity import CannotTellError, DeviceId

_REMEDIES = {
    errno.EPERM: "prhelper needs the capability CAP_SYS_RAWIO, in the initial user namespace, to send SCSI commands",
    errno.ENOTTY: "it is no SCSI device: give the virtual machine a SCSI disk, or no persistent reservations",
    errno.EBADF: "its descriptor was opened with O_PATH",
}


class ScsiDevices:
    """Every SCSI device that a client may pass.

    timeout: seconds after which the kernel aborts a command (the `timeout` of struct sg_io_hdr).
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def execute(self, command: Command, descriptor: OwnedFd, identified: Callable[[DeviceId], None]) -> Execution:
        """Carry out one command and close its descriptor. Never raises for what a device or a client does.

        identified: told which device it is, before that is sent the command.
        """
        with descriptor:
            fd = descriptor.fileno()
            try:
                device = DeviceId.of(fd)
            except OSError as error:
                return unidentified(command, error)
            if command.is_out and (refusal := read_only_refusal(fd) or _refusal(device)) is not None:
                return Execution(command, check_condition(sense.INVALID_OPCODE), device, trouble=refusal)
            identified(device)
            key = device if device.is_device else None
            return await current_context().call(key, lambda: self._submit(command, fd, device))

    def _submit(self, command: Command, fd: int, device: DeviceId) -> Execution:
        began = time.monotonic()
        try:
            if command.is_out:
                result = write_command(fd, command.cdb, command.parameter_list, self._timeout)
            else:
                result = read_command(fd, command.cdb, command.length, self._timeout)
        except OSError as error:
            seconds = time.monotonic() - began
            trace.sg_io_error(device, error.strerror, seconds)
            return Execution(command, outcome_of_errno(error.errno), device, seconds, _explain(error), error.errno)
        seconds = time.monotonic() - began
        if trace.sg_io.enabled:
            trace.sg_io(device, result.status, result.host_status, result.driver_status, result.resid, seconds)
        return Execution(command, outcome_of_result(result), device, seconds)


def unidentified(command: Command, error: OSError) -> Execution:
    """What becomes of a command if the kernel cannot even say what its descriptor is of."""
    return Execution(command, outcome_of_errno(error.errno), None, trouble=f"fstat: {error.strerror}")


def read_only_refusal(fd: int) -> str | None:
    """Why PERSISTENT RESERVE OUT is refused on a descriptor that could not even write; None if it could."""
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        return "the virtual machine opened it read-only: give the disk to it writable"
    return None


def _refusal(device: DeviceId) -> str | None:
    try:
        if device.is_device_mapper():
            return (
                "it is a device-mapper device, where the command would reach only one of the paths: "
                "multipath is not supported yet, give the virtual machine one path"
            )
    except CannotTellError:
        return "cannot tell whether it is a device-mapper device: mount /sys or /proc where prhelper runs"
    return None


def _explain(error: OSError) -> str:
    text = f"SG_IO: {error.strerror}"
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{text}; {remedy}" if remedy else text
