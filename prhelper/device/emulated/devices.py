"""Which descriptors are emulated units, and who answers for them.

Emulation fences no data, so it must never take the place of the real thing. Each command goes to the device first.
Only where that says that it knows no such command, INVALID COMMAND OPERATION CODE, or the kernel that it is no SCSI
device, ENOTTY, the emulated unit answers. (The loop driver says EINVAL to whatever it does not know.) Any other trouble
is passed on. A device that has once carried out such a command is real for good: what it does not know then is no
reason to answer for it. And whoever lacks CAP_SYS_RAWIO is told ENOTTY of a partition of a SCSI disk, too (the kernel's
drivers/scsi/sd.c, sd_ioctl), so that without it ENOTTY proves nothing of a block device.
"""

import errno
import logging
import stat
import time

from ...channel import current_context
from ...host.peer import Peer
from ...logs.record import at_most
from ...scsi import sense
from ...scsi.outcome import Outcome, check_condition, outcome_of_errno
from ...scsi.reservation import Command, OutAction
from ...scsi.sense import Sense
from ...scsi.status import Status
from ..execution import Result
from ..identity import Target
from .initiators import OF_SEVERAL, nexus_of
from .naming import unit_behind
from .state import Nexus
from .storage import StorageError
from .units import Units, UnitsLeftError

_log = logging.getLogger(__name__)


class Emulation:
    """The emulated units of this process, and what was learnt of real devices.

    rule: which clients are one initiator (`initiators.RULES`).
    may_ask: whether this process has CAP_SYS_RAWIO, in the initial user namespace.
    """

    def __init__(self, units: Units, rule: str, may_ask: bool) -> None:
        self.units = units
        self.rule = rule
        self._may_ask = may_ask
        self._real: set[str] = set()

    def for_client(self, peer: Peer, number: int) -> "EmulatedUnit":
        """The units as one client's commands meet them."""
        return EmulatedUnit(self, peer, nexus_of(self.rule, peer, number))

    def lacks_reservations(self, unit: str, target: Target, result: Result) -> bool:
        """Whether `result`, the device's own answer, says that it has no persistent reservations."""
        if result.outcome.status in (Status.GOOD, Status.RESERVATION_CONFLICT):
            self._real.add(unit)
        if unit in self._real:
            return False
        refused_here = result.trouble is not None
        return self._is_no_scsi_device(target, result) or (not refused_here and _is_invalid_opcode(result.outcome))

    def _is_no_scsi_device(self, target: Target, result: Result) -> bool:
        if target.device is None:
            return False
        if result.error == errno.ENOTTY:
            return self._may_ask or target.device.file_type != stat.S_IFBLK
        return result.error == errno.EINVAL and target.device.is_loop


class EmulatedUnit:
    """An executor for any descriptor: answers as the emulated unit behind it does to one nexus."""

    def __init__(self, emulation: Emulation, peer: Peer, nexus: Nexus) -> None:
        self._emulation = emulation
        self._peer = peer
        self._nexus = nexus

    async def execute(self, command: Command, target: Target) -> Result:
        """Carry out one command. See `Executor`."""
        try:
            unit = unit_behind(target.fd)
        except OSError as error:
            trouble = f"not carried out, for it cannot be told which unit this is: {error.strerror}"
            return Result(outcome_of_errno(error.errno), trouble=trouble)
        return await self._execute_on(unit, command)

    async def execute_if_missing(self, command: Command, target: Target, result: Result) -> Result:
        """Carry out one command if `result`, the device's own answer, says that it has no persistent reservations."""
        try:
            unit = unit_behind(target.fd)
        except OSError:
            return result
        if not self._emulation.lacks_reservations(unit, target, result):
            return result
        return await self._execute_on(unit, command)

    async def _execute_on(self, unit: str, command: Command) -> Result:
        # It may wait for the disk, and nothing can be learnt of how long: a key of None never runs in the leader.
        return await current_context().call(None, lambda: self._change(unit, command))

    def _change(self, unit: str, command: Command) -> Result:
        began = time.monotonic()
        trouble = None
        try:
            outcome = self._emulation.units.execute(unit, self._nexus, command)
        except StorageError as error:
            outcome = check_condition(sense.TARGET_FAILURE)
            trouble = f"not carried out, for it could not be stored: {error}"
        except UnitsLeftError:  # the client comes to that process with its next attempt
            outcome = Outcome(Status.BUSY)
            trouble = "not carried out, for another prhelper has taken the place of this one meanwhile (--replace)"
        if outcome.status == Status.RESERVATION_CONFLICT:
            self._tell_if_registered_already(unit, command)
        return Result(outcome, time.monotonic() - began, trouble, emulated=True)

    def _tell_if_registered_already(self, unit: str, command: Command) -> None:
        """Say why a new registration was refused that another process, by the rule the same initiator, has made."""
        rule = self._emulation.rule
        if rule not in OF_SEVERAL or command.service_action != OutAction.REGISTER or command.keys is None:
            return
        key, new = command.keys
        if key or new != self._emulation.units.key_of(unit, self._nexus):
            return
        _log.warning(
            "%s: %s has registered key %#x already. If a migration was to bring it here: with --emulate-nexus=%s both "
            "its ends are one initiator, so it is refused; use --emulate-nexus=process",
            *(self._peer, self._nexus.name, new, rule),
            extra=at_most(3, "migration", self._peer.account),
        )


def _is_invalid_opcode(outcome: Outcome) -> bool:
    return outcome.status == Status.CHECK_CONDITION and Sense.parse(outcome.sense) == sense.INVALID_OPCODE
