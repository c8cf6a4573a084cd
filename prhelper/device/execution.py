"""What an executor is, and its result: the answer to the guest, and what the administrator may want to know."""

from typing import NamedTuple, Protocol

from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from .identity import Target


class Note(NamedTuple):
    """Where a command on a multipath map went, for the log.

    map_name, wwid: the map's own name and the unit's identifier.
    used, skipped: its paths that answered, and those that did not or could not be used.
    remarks: what else the administrator should know, each with its remedy.
    """

    map_name: str
    wwid: str
    used: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Result(NamedTuple):
    """How one command ended.

    outcome: the answer to the guest.
    seconds: how long the command took.
    trouble: in words, with the remedy, why the device never saw the command; None if it did.
    error: the errno with which the kernel refused to send it; None if it sent it, or was never asked to.
    emulated: whether the emulated unit answered, and not the device.
    note: where the command went, if the device is a multipath map or lies on one.
    """

    outcome: Outcome
    seconds: float = 0.0
    trouble: str | None = None
    error: int | None = None
    emulated: bool = False
    note: Note | None = None


class Executor(Protocol):
    """Carries out commands in one way."""

    async def execute(self, command: Command, target: Target) -> Result:
        """Carry out one command. The descriptor of `target` stays the caller's, and open until this returns.

        No behaviour of a device or a client raises. Raises NoThreadError if the command may block and no thread can
        be started for it; then it was not sent.
        """
