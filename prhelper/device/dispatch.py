"""Chooses what carries out a command, by what its descriptor leads to.

The descriptor has already been identified (`identity.Target`); nothing from here on asks again what it is.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from ..scsi import sense
from ..scsi.outcome import check_condition, outcome_of_errno
from ..scsi.reservation import Command
from . import attentions
from .execution import Executor, Result
from .identity import CannotTellError, DeviceId, Target
from .stack import name_of


class StandIn(Executor, Protocol):
    """An executor that answers for devices that have no persistent reservations."""

    async def execute_if_missing(self, command: Command, target: Target, result: Result) -> Result:
        """Carry out one command if `result`, the device's own answer, says that it has none; else return `result`."""


class MapExecutors(Protocol):
    """Executors for multipath maps."""

    def why_not(self) -> str | None:
        """Why no command for a map can be carried out now; None if one can."""

    def on(self, folder: Path) -> Executor:
        """The executor for the map with this folder in sysfs."""


class Refusal(NamedTuple):
    """Answers as a device that does not support the command, and gives the administrator the reason.

    A stand-in never answers in its place (`Emulation.lacks_reservations`).
    """

    reason: str

    async def execute(self, command: Command, target: Target) -> Result:  # noqa: ARG002
        """Refuse. See `Executor`."""
        return Result(check_condition(sense.INVALID_OPCODE), trouble=self.reason)


class Unidentified(NamedTuple):
    """Answers where the kernel could not identify the descriptor."""

    error: OSError

    async def execute(self, command: Command, target: Target) -> Result:  # noqa: ARG002
        """Pass on the kernel's reason. See `Executor`."""
        return Result(outcome_of_errno(self.error.errno), trouble=f"fstat: {self.error.strerror}")


NO_MAP = Refusal("it is no multipath map and lies on none, and this is the multipath worker: use prhelper's own socket")
READ_ONLY = Refusal("the virtual machine opened it read-only: give the disk to it writable")

MULTIPATH = "it is a multipath map, where the command would reach only one of the paths"
ON_MULTIPATH = "it lies on a multipath map ({}), where the command would reach only one of the paths"
SEVERAL_DISKS = "it lies on several disks ({}), and a reservation is of one: give the virtual machine those disks"
NOTHING_TELLS = "cannot tell what it is made of: mount /sys where prhelper runs"


class Devices:
    """All devices, as one client meets them.

    scsi: executes commands on SCSI devices.
    multipath: executes commands on multipath maps, and on what lies on one; or why none can be.
    stand_in: answers for devices without reservations of their own, if given; with `always`, for all devices.
    """

    def __init__(
        self, scsi: Executor, multipath: MapExecutors | str, stand_in: StandIn | None = None, always: bool = False
    ) -> None:
        self._scsi = scsi
        self._multipath = multipath
        self._stand_in = stand_in
        self._always = always

    async def execute(self, command: Command, target: Target) -> Result:
        """Carry out one command with the executor for its device. See `Executor`."""
        for _ in range(1 + attentions.MAX):
            result = await self._choose(command, target).execute(command, target)
            if self._stand_in is not None and not self._always:
                result = await self._stand_in.execute_if_missing(command, target, result)
            if not attentions.is_due_again(command, result.outcome):
                break
        return result

    def _choose(self, command: Command, target: Target) -> Executor:
        if target.device is None:
            return Unidentified(target.error or OSError())
        if command.is_out and not target.is_writable():
            return READ_ONLY
        if self._stand_in is not None and self._always:
            return self._stand_in
        if not command.is_out and isinstance(self._multipath, str):
            return self._scsi
        return self._choose_by_what_is_below(command, target.device)

    def _choose_by_what_is_below(self, command: Command, device: DeviceId) -> Executor:
        """A command must reach the one unit, and by all ways that there are to it.

        What the device mapper made of nothing, or not by mapping sectors to sectors, the kernel refuses by itself.
        """
        try:
            stack = device.stack_below()
        except CannotTellError:
            return Refusal(NOTHING_TELLS) if command.is_out else self._scsi
        if stack is None:
            return self._scsi
        if len(stack.maps) == 1 and not stack.disks:
            (folder,) = stack.maps
            return self._choose_for_map(command, device, folder)
        if command.is_out and len(stack.maps) + len(stack.disks) > 1:
            return Refusal(SEVERAL_DISKS.format(_names([*stack.maps, *stack.disks])))
        return self._scsi

    def _choose_for_map(self, command: Command, device: DeviceId, folder: Path) -> Executor:
        """`device` is the map with this folder in sysfs, or lies on it."""
        multipath = self._multipath
        if not isinstance(multipath, str):
            if (reason := multipath.why_not()) is None:
                return multipath.on(folder)
        else:
            reason = multipath
        if not command.is_out:
            return self._scsi
        name = name_of(folder)
        where = MULTIPATH if name == device.name() else ON_MULTIPATH.format(name)
        return Refusal(f"{where}: {reason}")


def _names(folders: Iterable[Path]) -> str:
    return ", ".join(sorted(map(name_of, folders)))
