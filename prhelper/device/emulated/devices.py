"""Which descriptors are emulated units, and who answers for them.

Emulation fences no data, so it must never take the place of the real thing. Each command goes to the device first.
Only where that says that it knows no such command, INVALID COMMAND OPERATION CODE, or the kernel that it is no SCSI
device, ENOTTY, the emulated unit answers. (The loop driver says EINVAL to whatever it does not know.) Any other trouble
is passed on. A device that has once carried out such a command is real for good: what it does not know then is no
reason to answer for it. And whoever lacks CAP_SYS_RAWIO is told ENOTTY of a partition of a SCSI disk, too (the kernel's
drivers/scsi/sd.c, sd_ioctl), so that without it ENOTTY proves nothing of a block device.
"""

import contextlib
import errno
import stat
import time
from collections.abc import Callable

from ...channel import OwnedFd, current_context
from ...host.peer import Peer
from ...scsi import sense
from ...scsi.outcome import Outcome, check_condition
from ...scsi.reservation import Command
from ...scsi.sense import Sense
from ...scsi.status import Status
from ..execution import Execution
from ..identity import DeviceId
from ..scsi_device import ScsiDevices, read_only_refusal, unidentified
from .initiators import nexus_of
from .naming import unit_behind
from .state import Nexus
from .storage import StorageError
from .units import Units


class NoDevices:
    """Asked in place of the devices, says of each that it has no reservations (`--emulate=all`)."""

    async def execute(self, command: Command, descriptor: OwnedFd, identified: Callable[[DeviceId], None]) -> Execution:
        """As a device answers that does not know the command; closes its descriptor."""
        with descriptor:
            try:
                device = DeviceId.of(descriptor.fileno())
            except OSError as error:
                return unidentified(command, error)
            identified(device)
            refusal = read_only_refusal(descriptor.fileno()) if command.is_out else None
        return Execution(command, check_condition(sense.INVALID_OPCODE), device, trouble=refusal)


class EmulatedDevices:
    """Emulated units behind whatever has no reservations of its own.

    rule: which clients are one initiator (`initiators.RULES`).
    devices: who is asked first.
    may_ask: whether this process has CAP_SYS_RAWIO, in the initial user namespace.
    """

    def __init__(self, units: Units, rule: str, devices: ScsiDevices | NoDevices, may_ask: bool) -> None:
        self._units = units
        self._rule = rule
        self._devices = devices
        self._may_ask = may_ask
        self._real: set[str] = set()

    def for_client(self, peer: Peer, number: int) -> "EmulatedDevicesOfClient":
        """The devices as one client's commands meet them."""
        return EmulatedDevicesOfClient(self, nexus_of(self._rule, peer, number))

    async def execute(
        self, nexus: Nexus, command: Command, descriptor: OwnedFd, identified: Callable[[DeviceId], None]
    ) -> Execution:
        """Carry out one command of a nexus and close its descriptor."""
        unit = None
        with contextlib.suppress(OSError):  # the device's own answer says what is wrong
            unit = unit_behind(descriptor.fileno())
        execution = await self._devices.execute(command, descriptor, identified)
        if unit is None or not self._lacks_reservations(unit, execution):
            return execution
        name, device = unit, execution.device
        # A key of None: nobody can tell how long it takes, for it may wait for the disk. It never runs in the leader.
        return await current_context().call(None, lambda: self._emulate(name, device, nexus, command))

    def _lacks_reservations(self, unit: str, execution: Execution) -> bool:
        if execution.outcome.status in (Status.GOOD, Status.RESERVATION_CONFLICT):
            self._real.add(unit)
        if unit in self._real:
            return False
        refused_here = execution.trouble is not None
        return self._is_no_scsi_device(execution) or (not refused_here and _is_invalid_opcode(execution.outcome))

    def _is_no_scsi_device(self, execution: Execution) -> bool:
        if (device := execution.device) is None:
            return False
        if execution.error == errno.ENOTTY:
            return self._may_ask or device.file_type != stat.S_IFBLK
        return execution.error == errno.EINVAL and device.is_loop

    def _emulate(self, unit: str, device: DeviceId | None, nexus: Nexus, command: Command) -> Execution:
        began = time.monotonic()
        trouble = None
        try:
            outcome = self._units.execute(unit, nexus, command)
        except StorageError as error:
            outcome = check_condition(sense.TARGET_FAILURE)
            trouble = f"not carried out, for it could not be stored: {error}"
        return Execution(command, outcome, device, time.monotonic() - began, trouble, emulated=True)


class EmulatedDevicesOfClient:
    """The same, as the nexus of one client."""

    def __init__(self, devices: EmulatedDevices, nexus: Nexus) -> None:
        self._devices = devices
        self._nexus = nexus

    async def execute(self, command: Command, descriptor: OwnedFd, identified: Callable[[DeviceId], None]) -> Execution:
        """See `session.Devices`."""
        return await self._devices.execute(self._nexus, command, descriptor, identified)


def _is_invalid_opcode(outcome: Outcome) -> bool:
    return outcome.status == Status.CHECK_CONDITION and Sense.parse(outcome.sense) == sense.INVALID_OPCODE
