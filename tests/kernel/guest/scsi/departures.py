"""Where LIO (Linux 6.1, drivers/target/target_core_pr.c) departs from SPC-4: each difference by name, with the clause.

`Lio` foretells what LIO answers: what the emulated unit answers, unless a departure applies, which then says what
LIO does instead, and in which state that leaves it. So a departure is as exact as the rule that it breaks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from prhelper.device.emulated.allowed import action_conflicts
from prhelper.device.emulated.parameters import (
    CONFLICT,
    INVALID_CDB,
    INVALID_PARAMETER,
    Parameters,
    parse,
)
from prhelper.device.emulated.reading import READERS
from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, Registration, State, reservation_of
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, InAction, OutAction, ReservationType
from prhelper.scsi.sense import Sense
from prhelper.scsi.status import Status
from prhelper.scsi.transport_id import SAS, SasPort

GOOD = Outcome(Status.GOOD)
NOT_READY = check_condition(Sense(0x02, 0x08, 0x00))
WRONG_LENGTH = check_condition(sense.PARAMETER_LIST_LENGTH_ERROR)

DEPARTURES = {
    "one report clears all": "SAM-5, 5.14: a unit attention is cleared when it is reported; LIO clears those behind it",
    "NACA is ignored": "SAM-5, 5.2: NACA set is an invalid field where ACA is not supported",
    "short allocation refused": "SPC-4, 4.2.5.6: an allocation length that is too short truncates, and is no error",
    "cut key left out": "SPC-4, 4.2.5.6: LIO leaves zeros where READ KEYS would be cut within a key",
    "cut reservation left out": "SPC-4, 4.2.5.6: LIO leaves zeros where READ RESERVATION is cut before byte 22",
    "cut status uncounted": "SPC-4, 6.15.5: ADDITIONAL LENGTH is that of the whole, in whatever it is cut",
    "all target ports without ports": "SPC-4, 6.15.5: ALL_TG_PT is reported for an initiator that came by one port",
    "action looked at last": "SPC-4, 4.2.5.2: an unknown service action is refused for its parameter list instead",
    "unknown action conflicts": "SPC-4, 4.2.5.2: an unknown service action is an invalid field, and cannot conflict",
    "empty list does not conflict": "SPC-4, table 66: LIO takes a command without data for one that reads",
    "registrant looked into first": "SPC-4, table 66: RESERVE and MOVE conflict, whatever else is wrong with them",
    "unregistered not ready": "SPC-4, 5.13.7: an action of an unregistered nexus conflicts",
    "strangers refused": "SPC-4, 6.16.3, 6.16.4: any initiator port can be registered, not only those logged in",
    "listed where they are": "SPC-4, table 69: SPEC_I_PT registers at the port it came by; 6.15.2: and counts once",
    "itself listed, registered twice": "SPC-4, 5.13.1: no more than one reservation key for an I_T nexus",
    "known ones skipped": "SPC-4, table 67: an initiator of SPEC_I_PT that is registered refuses the whole",
    "unregistering not counted": "SPC-4, 6.15.2: every REGISTER that is carried out counts",
    "all target ports are one": "SPC-4, 6.16.3: ALL_TG_PT registers every port; LIO those with an ACL by hand",
    "all target ports to be repeated": "SPC-4, 5.13.7: ALL_TG_PT once does not require it in the next command",
    "format code ignored": "SPC-4, 7.6.4: a TransportID of SAS has format code 00b",
    "scope blamed on the list": "SPC-4, 6.16.1: a scope that is not implemented is an invalid field in the CDB",
    "release without key": "SPC-4, 6.16.3: the key is verified, whatever the action",
    "wrong release conflicts": "SPC-4, 5.13.11.2.2: a wrong type or scope is an invalid release",
    "moved back, stuck": "SPC-4, 5.13.8 g): a reservation moves with its scope; LIO leaves one that never fits",
    "clear ends persistence": "SPC-4, 6.16.3: APTPL is what the last registration had",
    "preempt checks ignored fields": "SPC-4, 5.13.11.2.5 b): SCOPE and TYPE are ignored if registrations are removed",
    "one of all is the holder": "SPC-4, table 72: where all registrants hold, a key only removes registrations",
    "own key stays": "SPC-4, 5.13.11.2.5: who preempts its own key is removed",
}

Departed = tuple[str, State, Outcome]

NACA = 0x04
_FLAGS_OF_DESCRIPTOR, _PORT_OF_DESCRIPTOR, _DESCRIPTOR, _TRANSPORT_ID = 12, 18, 48, 24


class Lio:
    """LIO's unit with its nexuses, as foretold. `met` counts the departures by name.

    over: LIO is in a state that cannot be told of any more; clear the unit and begin anew.
    """

    def __init__(self, nexuses: list[Nexus], generation: int, met: Counter[str]) -> None:
        self.state = State(generation=generation, ports=tuple(each.relative_port for each in nexuses))
        self.over = False
        self._nexuses = nexuses
        self._met = met
        self._first_of_all: Nexus | None = None  # the one that LIO has for holder where all registrants hold
        self._all_ports: set[Nexus] = set()  # registered with ALL_TG_PT
        self._odd_scope: set[Nexus] = set()  # those that a reservation was moved from

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
            self._remember(before, nexus, command)
        return outcome

    def _departure(self, nexus: Nexus, command: Command) -> Departed | None:
        pending = [attention for owner, attention in self.state.attentions if owner == nexus]
        if pending:
            others = tuple(each for each in self.state.attentions if each[0] != nexus)
            return "one report clears all", replace(self.state, attentions=others), check_condition(pending[0])
        if command.is_out:
            return self._out(nexus, command)
        return self._in(command)

    # PERSISTENT RESERVE IN

    def _in(self, command: Command) -> Departed | None:
        action, allocation = command.cdb[1] & 0x1F, command.length
        if action not in (*InAction,):
            return None
        if allocation < (6 if action == InAction.REPORT_CAPABILITIES else 8):
            return "short allocation refused", self.state, INVALID_CDB
        whole = READERS[InAction(action)](self.state)
        match action:
            case InAction.READ_KEYS:
                name, end = "cut key left out", allocation // 8 * 8
                data = whole[:end].ljust(min(allocation, len(whole)), b"\0")
            case InAction.READ_RESERVATION:
                name, end = "cut reservation left out", 8 if allocation < 22 else allocation
                data = whole[:end].ljust(min(allocation, len(whole)), b"\0")
            case InAction.READ_FULL_STATUS:
                name, data = self._full_status(whole, allocation)
            case _:
                return None
        return name, self.state, Outcome(Status.GOOD, data=data)

    def _full_status(self, whole: bytes, allocation: int) -> tuple[str, bytes]:
        name, data = "all target ports without ports", bytearray(whole)
        for number, registration in enumerate(self.state.registrations):
            if registration.nexus in self._all_ports:
                at = 8 + number * _DESCRIPTOR
                data[at + _FLAGS_OF_DESCRIPTOR] |= 0x02
                data[at + _PORT_OF_DESCRIPTOR : at + _PORT_OF_DESCRIPTOR + 2] = bytes(2)
        fit = (allocation - _TRANSPORT_ID) // _DESCRIPTOR + 1
        if fit < len(self.state.registrations):
            name = "cut status uncounted"
            size = max(0, fit) * _DESCRIPTOR
            data[4:8] = size.to_bytes(4)
            del data[8 + size :]
        return name, bytes(data[:allocation])

    # PERSISTENT RESERVE OUT, in the order in which LIO looks at it

    def _out(self, nexus: Nexus, command: Command) -> Departed | None:
        state, number = self.state, command.cdb[1] & 0x1F
        known = number <= OutAction.REGISTER_AND_MOVE
        reservation = state.reservation
        holder = reservation and (self._first_of_all if reservation.is_all_registrants else reservation.holder)
        name = "action looked at last"
        if reservation is not None and nexus != holder:
            if not known:
                return "unknown action conflicts", state, CONFLICT
            if action_conflicts(state, nexus, number):
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
                return self._preempt(nexus, wanted)
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
        if nexus in self._all_ports and not wanted.all_tg_pt:
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
        if self.state.reservation is not None and self.state.reservation.holder in {nexus} & self._odd_scope:
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
        if reservation.holder in self._odd_scope:
            return "moved back, stuck", self.state, CONFLICT
        return None

    def _preempt(self, nexus: Nexus, wanted: Parameters) -> Departed | None:
        state, reservation, named = self.state, self.state.reservation, wanted.service_action_key
        if wanted.type_code not in (*ReservationType,):
            return "preempt checks ignored fields", state, INVALID_CDB
        if wanted.key != state.key_of(nexus):
            return None
        shared = reservation is not None and reservation.is_all_registrants
        taken_over = reservation is not None and named == (
            0 if shared else state.key_of(reservation.holder) if reservation.holder else None
        )
        if wanted.scope:
            name = "scope blamed on the list" if taken_over else "preempt checks ignored fields"
            return name, state, INVALID_PARAMETER
        if reservation is None or not named:
            return None
        victims = [each.nexus for each in state.registrations if each.key == named and each.nexus != nexus]
        after = state.unregistered(victims).told(victims, sense.REGISTRATIONS_PREEMPTED).counted()
        if shared and (self._first_of_all is None or named != state.key_of(self._first_of_all)):
            return ("own key stays", after, GOOD) if named in (each.key for each in state.registrations) else None
        if not shared and not (taken_over and reservation.holder in self._odd_scope):
            return None
        kind = wanted.type()
        after = replace(after, reservation=reservation_of(kind, nexus))
        if not shared or reservation.type is not kind:
            after = after.told(after.others(nexus), sense.RESERVATIONS_RELEASED)
        return "one of all is the holder" if shared else "moved back, stuck", after, GOOD

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

    # What LIO remembers beyond the standard's state

    def _remember(self, before: State, nexus: Nexus, command: Command) -> None:
        action, flags = command.cdb[1] & 0x1F, command.parameter_list[20]
        was, now = before.reservation, self.state.reservation
        registered = {each.nexus for each in self.state.registrations}
        if action in (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY) and flags & 0x04:
            self._all_ports |= registered - {each.nexus for each in before.registrations}
        self._all_ports &= registered

        itself = action == OutAction.PREEMPT and was is not None and was.holder == nexus
        if was is not None and was.holder is not None and (was != now or itself):
            self._odd_scope.discard(was.holder)
        if was != now and action in (OutAction.RESERVE, OutAction.RELEASE, OutAction.PREEMPT):
            self._odd_scope.discard(nexus)
        if action == OutAction.REGISTER_AND_MOVE and not command.parameter_list[17] & 0x02:
            self._odd_scope.add(nexus)
        self._first_of_all = self._holder_of_all(before, nexus, command)
        self._odd_scope = self._odd_scope & registered - {self._first_of_all}

    def _holder_of_all(self, before: State, nexus: Nexus, command: Command) -> Nexus | None:
        was, now, first = before.reservation, self.state.reservation, self._first_of_all
        if now is None or not now.is_all_registrants:
            return None
        if was is None or was.type is not now.type or first is None:
            return nexus
        if command.cdb[1] & 0x1F == OutAction.PREEMPT:
            named = int.from_bytes(command.parameter_list[8:16])
            return nexus if named in (0, before.key_of(first)) else first
        return first if self.state.key_of(first) is not None else self.state.registrations[0].nexus


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
