"""What carries out commands, and what it says of each: the answer to the guest, and what the administrator asks."""

from typing import NamedTuple, Protocol

from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from .identity import Target


class Result(NamedTuple):
    """How one command ended.

    outcome: the answer to the guest.
    seconds: how long the command took.
    trouble: in words, with the remedy, why the device never saw the command; None if it did.
    error: the errno with which the kernel refused to send it; None if it sent it, or was never asked to.
    emulated: whether the emulated unit answered, and not the device.
    """

    outcome: Outcome
    seconds: float = 0.0
    trouble: str | None = None
    error: int | None = None
    emulated: bool = False


class Executor(Protocol):
    """One way to carry out commands."""

    async def execute(self, command: Command, target: Target) -> Result:
        """Carry out one command. The descriptor of `target` stays the caller's, open until this returns.

        Never raises for what a device or a client does; NoThreadError if the command may block and no thread is left
        for it: it was not sent then.
        """
