"""What LIO will answer. PERSISTENT RESERVE OUT is looked at in the order in which LIO does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from prhelper.device.emulated.parameters import (
    CONFLICT,
    INVALID_CDB,
    INVALID_PARAMETER,
    Parameters,
    parse,
)
from prhelper.device.emulated.rules import conflicts, execute
from prhelper.device.emulated.state import Nexus, Registration, State
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, OutAction, ReservationType
from prhelper.scsi.sense import Sense
from prhelper.scsi.transport_id import SAS, SasPort

from .departures import GOOD, Departed
from .memory import Memory
from .preempting import departure_in_preempting
from .reading import departure_in_reading

NOT_READY = check_condition(Sense(0x02, 0x08, 0x00))
WRONG_LENGTH = check_condition(sense.PARAMETER_LIST_LENGTH_ERROR)

NACA = 0x04
_TRANSPORT_ID = 24


class Lio:
    """LIO's unit with its nexuses, as foretold. `met` counts the departures by name.

    older: it looks at fields of a PREEMPT that are to be ignored, as Linux 6.1 does.
    over: LIO is in a state that cannot be told of any more; clear the unit and begin anew.
    """

    def __init__(self, nexuses: list[Nexus], generation: int, met: Counter[str], older: bool) -> None:
        self.state = State(generation=generation, ports=tuple(each.relative_port for each in nexuses))
        self.over = False
        self._nexuses = nexuses
        self._met = met
        self._older = older
        self._memory = Memory()

    def command(self, nexus: Nexus, command: Command) -> Outcome:
        """What LIO will answer."""
        before = self.state
        if before.take_attention(nexus)[1] is None and command.cdb[9] & NACA:
            self._met["NACA is ignored"] += 1
            command = Command(command.cdb[:9] + b"\0" + command.cdb[10:], command.parameter_list)
        answer = execute(before, nexus, command)
        departed = self._departure(nexus, command)
        if departed is not None and departed[1:] != answer:
            self._met[departed[0]] += 1
            answer = departed[1:]
        self.state, outcome = answer
        if command.is_out and outcome == GOOD:
            self._memory.update(before, self.state, nexus, command)
        return outcome

    def _departure(self, nexus: Nexus, command: Command) -> Departed | None:
        pending = [attention for owner, attention in self.state.attentions if owner == nexus]
        if pending:
            others = tuple(each for each in self.state.attentions if each[0] != nexus)
            return "one report clears all", replace(self.state, attentions=others), check_condition(pending[0])
        if command.is_out:
            return self._out(nexus, command)
        return departure_in_reading(self.state, self._memory.all_ports, command)

    def _out(self, nexus: Nexus, command: Command) -> Departed | None:
        state, number = self.state, command.service_action
        known = number <= OutAction.REGISTER_AND_MOVE
        reservation = state.reservation
        holder = reservation and (self._memory.first_of_all if reservation.is_all_registrants else reservation.holder)
        name = "action looked at last"
        if reservation is not None and nexus != holder:
            if not known:
                return "unknown action conflicts", state, CONFLICT
            if conflicts(state, nexus, number):
                if state.key_of(nexus) is None:
                    reads = not command.parameter_list and reservation.type.name.startswith("WRITE")
                    return ("empty list does not conflict", state, WRONG_LENGTH) if reads else None
                if not reservation.is_registrants_only:
                    return None
                name = "registrant looked into first"
        if (wrong := _list_error(command, number)) is not None:
            return name, state, wrong
        if not known:
            return None
        wanted = parse(command, OutAction(number))
        departed = self._action(nexus, command, wanted)
        if name == "registrant looked into first":
            return departed and (name, *departed[1:])
        return departed

    def _action(self, nexus: Nexus, command: Command, wanted: Parameters) -> Departed | None:
        match wanted.action:
            case OutAction.REGISTER | OutAction.REGISTER_AND_IGNORE_EXISTING_KEY:
                return self._register(nexus, command, wanted)
            case OutAction.PREEMPT | OutAction.PREEMPT_AND_ABORT:
                return departure_in_preempting(self.state, self._memory, nexus, wanted, self._older)
            case OutAction.RESERVE if wanted.type_code not in (*ReservationType,):
                return "registrant looked into first", self.state, INVALID_CDB
        if self.state.key_of(nexus) is None:
            return "unregistered not ready", self.state, NOT_READY
        match wanted.action:
            case OutAction.RESERVE:
                return self._reserve(nexus, wanted)
            case OutAction.RELEASE:
                return self._release(nexus, wanted)
            case OutAction.REGISTER_AND_MOVE:
                return self._move(nexus, command, wanted)
        if wanted.key != self.state.key_of(nexus):
            return None
        cleared, _ = execute(self.state, nexus, command)
        return "clear ends persistence", replace(cleared, aptpl=False), GOOD

    def _register(self, nexus: Nexus, command: Command, wanted: Parameters) -> Departed | None:
        state, key = self.state, self.state.key_of(nexus)
        if wanted.action is OutAction.REGISTER and wanted.key != (key or 0):
            return None
        if key is None and not wanted.service_action_key:
            return None
        if wanted.spec_i_pt:
            return None if key is not None else self._register_listed(nexus, wanted)
        if nexus in self._memory.all_ports and not wanted.all_tg_pt:
            return "all target ports to be repeated", state, INVALID_CDB
        alone = command.parameter_list[:20] + bytes([wanted.aptpl]) + command.parameter_list[21:]
        after, _ = execute(state, nexus, Command(command.cdb, alone))
        if not wanted.service_action_key:
            return "unregistering not counted", replace(after, generation=state.generation), GOOD
        return "all target ports are one", after, GOOD

    def _register_listed(self, nexus: Nexus, wanted: Parameters) -> Departed | None:
        length, data = wanted.additional[:4], wanted.additional[4:]
        if len(length) != 4 or int.from_bytes(length) != len(data):
            return None
        name, listed = "all target ports are one", [nexus]
        for at in range(0, len(data), _TRANSPORT_ID):
            transport_id = data[at : at + _TRANSPORT_ID]
            found = self._logged_in(transport_id)
            if found is None:
                return "strangers refused", self.state, INVALID_PARAMETER
            if transport_id[0] != SAS:
                name = "format code ignored"
            elif self.state.key_of(found) is not None:
                name = "known ones skipped"
            else:
                name = "listed where they are"
            if self.state.key_of(found) is None:
                listed.append(found)
        made = tuple(Registration(each, wanted.service_action_key) for each in listed)
        generation = (self.state.generation + len(made)) % 2**32
        if listed.count(nexus) > 1:
            name, self.over = "itself listed, registered twice", True
        registrations = (*self.state.registrations, *made)
        after = replace(self.state, registrations=registrations, generation=generation, aptpl=wanted.aptpl)
        return name, after, GOOD

    def _reserve(self, nexus: Nexus, wanted: Parameters) -> Departed | None:
        if wanted.key != self.state.key_of(nexus):
            return None
        if wanted.scope:
            return "scope blamed on the list", self.state, INVALID_PARAMETER
        if self.state.reservation is not None and self.state.reservation.holder in {nexus} & self._memory.odd_scope:
            return "moved back, stuck", self.state, CONFLICT
        return None

    def _release(self, nexus: Nexus, wanted: Parameters) -> Departed | None:
        reservation = self.state.reservation
        if reservation is None or not self.state.holds(nexus):
            return "release without key", self.state, GOOD
        if wanted.key != self.state.key_of(nexus):
            return None
        if (wanted.scope, wanted.type_code) != (0, reservation.type):
            return "wrong release conflicts", self.state, CONFLICT
        if reservation.holder in self._memory.odd_scope:
            return "moved back, stuck", self.state, CONFLICT
        return None

    def _move(self, nexus: Nexus, command: Command, wanted: Parameters) -> Departed | None:
        state = self.state
        length, data = wanted.additional[:4], wanted.additional[4:]
        if wanted.key != state.key_of(nexus):
            return None
        heir = self._logged_in(data)
        if (
            not wanted.service_action_key
            or int.from_bytes(length) != len(data)
            or heir is None
            or heir == nexus
            or heir.relative_port != wanted.relative_port
        ):
            return "strangers refused", state, INVALID_PARAMETER
        plain = command.parameter_list[:24] + bytes([SAS]) + command.parameter_list[25:]
        after, outcome = execute(state, nexus, Command(command.cdb, plain))
        return "format code ignored", after, outcome

    def _logged_in(self, transport_id: bytes) -> Nexus | None:
        if len(transport_id) < _TRANSPORT_ID or transport_id[0] & 0x0F != SAS:
            return None
        port = SasPort(int.from_bytes(transport_id[4:12]))
        return next((each for each in self._nexuses if each.transport_id == port), None)


def _list_error(command: Command, action: int) -> Outcome | None:
    """What is wrong with a parameter list before LIO looks at the service action."""
    data = command.parameter_list
    if len(data) < 24:
        return WRONG_LENGTH
    if action == OutAction.REGISTER_AND_MOVE:
        return None
    if data[20] & 0x08:
        return None if action == OutAction.REGISTER else INVALID_PARAMETER
    return None if len(data) == 24 else WRONG_LENGTH
