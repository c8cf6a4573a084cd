"""Asks again where what QEMU reads of its own accord meets a unit attention.

When a machine has migrated, or when that failed and the source takes back what it had, QEMU 11 begins by READ
RESERVATION or READ KEYS, with allocation lengths of its own. If these fail it gives up: the destination refuses the
machine, or the source goes on without its registration. But after the destination has taken a reservation over, and
failed later, a unit attention is due to the source: its registrations were preempted. QEMU tells the guest nothing of
one that it meets in this way, so nothing is lost when it is collected here.
"""

from ..scsi.outcome import Outcome
from ..scsi.reservation import Command, InAction
from ..scsi.sense import UNIT_ATTENTION, Sense
from ..scsi.status import Status

MAX = 5
"""How many unit attentions are collected for one command."""

_OF_QEMU = frozenset({(int(InAction.READ_RESERVATION), 24), (int(InAction.READ_KEYS), 136)})
"""Service actions and allocation lengths. A guest's command with the same, as Linux has one, is asked again too."""

_CHECK_CONDITION = int(Status.CHECK_CONDITION)  # a plain integer: each command is compared with it


def is_due_again(command: Command, outcome: Outcome) -> bool:
    """Whether a command is one that QEMU sends of its own accord, and met a unit attention."""
    if outcome.status != _CHECK_CONDITION or command.is_out:
        return False
    if (command.service_action, command.length) not in _OF_QEMU:
        return False
    sense = Sense.parse(outcome.sense)
    return sense is not None and sense.key == UNIT_ATTENTION
