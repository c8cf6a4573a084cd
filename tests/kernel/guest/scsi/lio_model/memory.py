"""What LIO remembers beyond the standard's state."""

from __future__ import annotations

from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.reservation import Command, OutAction

_ALL_TG_PT, _UNREG = 0x04, 0x02


class Memory:
    """Told of each command that was carried out.

    first_of_all: the one nexus that LIO has for holder where all registrants hold.
    all_ports: those registered with ALL_TG_PT.
    odd_scope: those that a reservation was moved from; LIO leaves a scope with them that no command can have.
    """

    def __init__(self) -> None:
        self.first_of_all: Nexus | None = None
        self.all_ports: set[Nexus] = set()
        self.odd_scope: set[Nexus] = set()

    def update(self, before: State, after: State, nexus: Nexus, command: Command) -> None:
        """Take in a PERSISTENT RESERVE OUT of a nexus, with the states before and after it."""
        action, flags = command.service_action, command.parameter_list[20]
        was, now = before.reservation, after.reservation
        registered = {each.nexus for each in after.registrations}
        if action in (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY) and flags & _ALL_TG_PT:
            self.all_ports |= registered - {each.nexus for each in before.registrations}
        self.all_ports &= registered

        itself = action == OutAction.PREEMPT and was is not None and was.holder == nexus
        if was is not None and was.holder is not None and (was != now or itself):
            self.odd_scope.discard(was.holder)
        if was != now and action in (OutAction.RESERVE, OutAction.RELEASE, OutAction.PREEMPT):
            self.odd_scope.discard(nexus)
        if action == OutAction.REGISTER_AND_MOVE and not command.parameter_list[17] & _UNREG:
            self.odd_scope.add(nexus)
        self.first_of_all = self._holder_of_all(before, after, nexus, command)
        self.odd_scope = self.odd_scope & registered - {self.first_of_all}

    def _holder_of_all(self, before: State, after: State, nexus: Nexus, command: Command) -> Nexus | None:
        was, now, first = before.reservation, after.reservation, self.first_of_all
        if now is None or not now.is_all_registrants:
            return None
        if was is None or was.type is not now.type or first is None:
            return nexus
        if command.service_action == OutAction.PREEMPT:
            named = int.from_bytes(command.parameter_list[8:16])
            return nexus if named in (0, before.key_of(first)) else first
        return first if after.key_of(first) is not None else after.registrations[0].nexus
