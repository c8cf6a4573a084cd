"""Which fault is reported when a command has several: unit attention, CDB, conflict, parameter list, key, the rest."""

from dataclasses import replace

import pytest

from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi import sense
from prhelper.scsi.reservation import Command, OutAction

from ....support.spc import (
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_CDB,
    INVALID_FIELD_IN_PARAMETER_LIST,
    INVALID_OPCODE,
    PARAMETER_LIST_LENGTH_ERROR,
    RESERVATIONS_PREEMPTED,
    RESERVATIONS_RELEASED,
    SPEC_I_PT,
    keys,
    reserve_in,
    with_naca,
)
from .unit import KA, KB, WE, WR, A, B, C, out, out_raw, registered, run

RESERVED = registered(A, B, holder=A, kind=WE)
BASIC = [
    action for action in OutAction if action not in (OutAction.REGISTER_AND_MOVE, OutAction.REPLACE_LOST_RESERVATION)
]
FOR_ANYBODY = (OutAction.REGISTER, OutAction.REGISTER_AND_IGNORE_EXISTING_KEY)


def test_unit_attentions_go_first_one_a_command_and_the_command_is_not_carried_out() -> None:
    pending = ((B, sense.RESERVATIONS_PREEMPTED), (A, sense.RESERVATIONS_RELEASED), (B, sense.RESERVATIONS_RELEASED))
    state = replace(RESERVED, attentions=pending)
    told = []
    for command in (out(0x1F), Command(reserve_in(0)), out(OutAction.CLEAR, KB)):
        state, answered = run(state, B, command)
        told.append(answered)
    assert told == [RESERVATIONS_PREEMPTED, RESERVATIONS_RELEASED, GOOD]
    assert state.attentions[0] == pending[1]


@pytest.mark.parametrize("action", [OutAction.REPLACE_LOST_RESERVATION, *range(9, 32)])
@pytest.mark.parametrize("nexus", [A, B, C], ids=str)
def test_service_action_that_is_not_there_is_refused_to_everybody(action: int, nexus: Nexus) -> None:
    assert run(RESERVED, nexus, out_raw(action, b"")) == (RESERVED, INVALID_FIELD_IN_CDB)


@pytest.mark.parametrize("command", [out(OutAction.CLEAR, KA), Command(reserve_in(0))])
def test_naca_is_not_supported(command: Command) -> None:
    assert run(RESERVED, A, Command(with_naca(command.cdb), command.parameter_list)) == (RESERVED, INVALID_FIELD_IN_CDB)


def test_other_operation_codes_are_not_known() -> None:
    assert run(RESERVED, A, Command(bytes(16))) == (RESERVED, INVALID_OPCODE)


@pytest.mark.parametrize("action", set(OutAction) - {*FOR_ANYBODY, OutAction.REPLACE_LOST_RESERVATION})
def test_conflict_goes_before_the_parameter_list(action: int) -> None:
    assert run(RESERVED, C, out_raw(action, b"", kind=0xFF)) == (RESERVED, CONFLICT)


@pytest.mark.parametrize("action", [OutAction.RESERVE, OutAction.REGISTER_AND_MOVE])
def test_registrant_s_conflict_goes_before_the_parameter_list(action: int) -> None:
    for state in (RESERVED, registered(A, B, holder=A, kind=WR)):
        assert run(state, B, out_raw(action, b"", kind=0xFF)) == (state, CONFLICT)


@pytest.mark.parametrize("length", [0, 1, 23, 25, 28, 48])
@pytest.mark.parametrize("action", BASIC)
def test_basic_parameter_list_is_24_bytes_whatever_the_key(action: int, length: int) -> None:
    wrong = keys(0xBAD, 1).ljust(length, b"\0")[:length]
    assert run(RESERVED, A, out_raw(action, wrong)) == (RESERVED, PARAMETER_LIST_LENGTH_ERROR)


@pytest.mark.parametrize("action", set(BASIC) - {OutAction.REGISTER})
def test_specified_ports_are_for_register_only_whatever_the_key(action: int) -> None:
    assert run(RESERVED, A, out(action, 0xBAD, 1, flags=SPEC_I_PT)) == (RESERVED, INVALID_FIELD_IN_PARAMETER_LIST)


def test_move_needs_its_24_bytes_too() -> None:
    assert run(RESERVED, A, out_raw(OutAction.REGISTER_AND_MOVE, bytes(23))) == (RESERVED, PARAMETER_LIST_LENGTH_ERROR)


@pytest.mark.parametrize("action", set(BASIC) - set(FOR_ANYBODY))
def test_unregistered_nexus_conflicts_where_nothing_is_reserved(action: int) -> None:
    state = registered(A)
    for key in (0, KA):
        assert run(state, C, out(action, key, KA, kind=WE)) == (state, CONFLICT)


def test_key_is_verified_before_the_scope() -> None:
    state: State = registered(A)
    assert run(state, A, out(OutAction.RESERVE, KB, kind=0x10 | WE)) == (state, CONFLICT)
