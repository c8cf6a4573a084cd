"""What became of one command: the answer to the guest, and what the administrator may want to know about it."""

from typing import NamedTuple

from ..scsi.outcome import Outcome
from ..scsi.reservation import Command
from .identity import DeviceId


class Execution(NamedTuple):
    """A command that was carried out, or refused.

    device: what the descriptor was of; None if even that could not be found out.
    seconds: how long the command took.
    trouble: in words, with the remedy, why the device never saw the command; None if it did.
    error: the errno with which the kernel refused to send it; None if it sent it, or was never asked to.
    emulated: whether the emulated unit answered, and not the device.
    """

    command: Command
    outcome: Outcome
    device: DeviceId | None
    seconds: float = 0.0
    trouble: str | None = None
    error: int | None = None
    emulated: bool = False
