"""Recognizes QEMU as it takes a machine's reservation over, at the end of a migration to this host.

QEMU reads (the reservation, or else the keys), registers the machine's key where none is, and preempts with that same
key, so that what the source's host had registered is gone and the reservation is this host's. A guest does not do the
last: it would preempt itself.
"""

from ..scsi.reservation import Command, InAction, OutAction
from ..scsi.status import Status
from .ended import Ended

_READING = (int(InAction.READ_KEYS), int(InAction.READ_RESERVATION))
_REGISTER, _PREEMPT = int(OutAction.REGISTER), int(OutAction.PREEMPT)


class TakeOver:
    """How far one client is. Only its session calls.

    before: the last command, if it may be one of a take-over. Each PERSISTENT RESERVE IN is put here, to be looked at
        only when it matters.
    """

    __slots__ = ("before",)

    def __init__(self) -> None:
        self.before: Ended | None = None

    def key_if_completed_by(self, ended: Ended) -> int | None:
        """Follow a PERSISTENT RESERVE OUT. Returns the machine's key if it was the last of a take-over, else None."""
        before, self.before = self.before, None
        command = ended.command
        if before is None or before.device != ended.device or not _is_good(ended) or command.keys is None:
            return None
        key, service_action_key = command.keys
        action = command.service_action
        if action == _REGISTER and not key and _is_reading(before.command) and _is_good(before):
            self.before = ended
        elif action == _PREEMPT and key == service_action_key and _has_registered(before.command, key):
            return key or None
        return None


def _is_reading(command: Command) -> bool:
    return not command.is_out and command.service_action in _READING


def _has_registered(command: Command, key: int) -> bool:
    return command.is_out and command.keys == (0, key)


def _is_good(ended: Ended) -> bool:
    return ended.result.outcome.status == Status.GOOD
