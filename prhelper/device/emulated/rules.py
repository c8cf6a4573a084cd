"""How the emulated unit carries out one command. No I/O and no clock: the result depends on state and command alone.

The order of checks is the standard's where it gives one, otherwise that of LIO, the kernel's own target: a pending unit
attention, the CDB, conflict with the reservation (table 66), the parameter list, the registration and its key, and what
the service action itself requires.
"""

from typing import TypeVar

from ...scsi import sense
from ...scsi.outcome import Outcome, check_condition
from ...scsi.reservation import PERSISTENT_RESERVE_IN, PERSISTENT_RESERVE_OUT, Command, InAction, OutAction
from ...scsi.status import Status
from .parameters import CONFLICT, INVALID_CDB, RefusedError, parse
from .preempting import preempt
from .reading import READERS
from .registering import move, register
from .reserving import clear, release, reserve
from .state import Nexus, State

MAX_REGISTRATIONS = 1024
"""Per unit. SPEC_I_PT lets one initiator invent any number, which would cost all clients memory and time."""

_NO_ROOM = check_condition(sense.INSUFFICIENT_REGISTRATION_RESOURCES)  # 5.13.7
_NACA = 0x04

_NEVER_CONFLICT = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
_HOLDERS_ONLY = (OutAction.RESERVE, OutAction.REGISTER_AND_MOVE)

_Action = TypeVar("_Action", InAction, OutAction)


def execute(state: State, nexus: Nexus, command: Command) -> tuple[State, Outcome]:
    """Carry out a PERSISTENT RESERVE command of a nexus: the state after it, and the answer."""
    state, attention = state.take_attention(nexus)
    if attention is not None:
        return state, check_condition(attention)
    try:
        if command.cdb[0] == PERSISTENT_RESERVE_IN:
            return state, Outcome(Status.GOOD, data=_read(state, command))
        if command.cdb[0] == PERSISTENT_RESERVE_OUT:
            changed = _change(state, nexus, command)
            if len(changed.registrations) > max(MAX_REGISTRATIONS, len(state.registrations)):
                return state, _NO_ROOM
            return changed, Outcome(Status.GOOD)
    except RefusedError as refusal:
        return state, refusal.outcome
    return state, check_condition(sense.INVALID_OPCODE)


def conflicts(state: State, nexus: Nexus, action: int) -> bool:
    """Whether a service action of PERSISTENT RESERVE OUT conflicts with another nexus's reservation (table 66)."""
    if state.reservation is None or state.holds(nexus) or action in _NEVER_CONFLICT:
        return False
    return state.key_of(nexus) is None or action in _HOLDERS_ONLY


def _read(state: State, command: Command) -> bytes:
    reader = READERS[_service_action(command, InAction)]
    return reader(state)[: command.length]  # length fields in it count the whole, even if cut off here (4.2.5.6)


def _change(state: State, nexus: Nexus, command: Command) -> State:
    action = _service_action(command, OutAction)
    if action is OutAction.REPLACE_LOST_RESERVATION:  # nothing is ever lost: RLR_C is zero (6.15.4)
        raise RefusedError(INVALID_CDB)
    if conflicts(state, nexus, action):
        raise RefusedError(CONFLICT)
    parameters = parse(command, action)
    match action:
        case OutAction.REGISTER | OutAction.REGISTER_AND_IGNORE_EXISTING_KEY:
            return register(state, nexus, parameters)
        case OutAction.RESERVE:
            return reserve(state, nexus, parameters)
        case OutAction.RELEASE:
            return release(state, nexus, parameters)
        case OutAction.CLEAR:
            return clear(state, nexus, parameters)
        case OutAction.PREEMPT | OutAction.PREEMPT_AND_ABORT:
            return preempt(state, nexus, parameters)
        case OutAction.REGISTER_AND_MOVE:
            return move(state, nexus, parameters)


def _service_action(command: Command, known: type[_Action]) -> _Action:
    """The service action; refused if unknown (4.2.5.2), or with NACA set, which wants ACA (SAM-5, 5.2)."""
    if command.cdb[9] & _NACA:
        raise RefusedError(INVALID_CDB)
    try:
        return known(command.service_action)
    except ValueError as error:
        raise RefusedError(INVALID_CDB) from error
