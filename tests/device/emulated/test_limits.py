"""An initiator may make up as many others as it likes: the unit keeps so many, and answers as fast as ever."""

import time

from prhelper.device.emulated.rules import MOST_REGISTRATIONS, execute
from prhelper.device.emulated.state import MOST_ATTENTIONS, State
from prhelper.scsi.reservation import OutAction
from prhelper.scsi.transport_id import SasPort

from .unit import GOOD, KA, KB, REGISTRATIONS_PREEMPTED, SPEC_I_PT, WR, A, B, answer, listed, out

INSUFFICIENT_REGISTRATION_RESOURCES = "05/55/04"

AT_ONCE = 256
"""So many ports fit into the parameter list of one command."""

LONGEST = 2.0  # seconds for one command on a busy machine; without limits it would be minutes


def crowd(number: int) -> bytes:
    """The TransportIDs of so many made-up initiators that nobody has seen before."""
    return listed(*(SasPort(number * AT_ONCE + each) for each in range(AT_ONCE)))


def register_crowd(state: State, number: int) -> tuple[State, str]:
    """A registers, and a crowd with it."""
    state, _ = execute(state, A, out(OutAction.REGISTER, KA, 0))
    state, outcome = execute(state, A, out(OutAction.REGISTER, 0, KA, flags=SPEC_I_PT, additional=crowd(number)))
    return state, answer(outcome)


def test_registrations_beyond_what_there_is_room_for_are_refused_and_change_nothing() -> None:
    state = State()
    for number in range(3):
        state, said = register_crowd(state, number)
        assert said == GOOD
    state, _ = execute(state, A, out(OutAction.REGISTER, KA, 0))
    before = state
    state, said = register_crowd(state, 3)
    assert (said, state) == (INSUFFICIENT_REGISTRATION_RESOURCES, before)
    for number in range(MOST_REGISTRATIONS - len(state.registrations)):
        nexus = type(A)("one more", SasPort(1 << 40 | number))
        state, outcome = execute(state, nexus, out(OutAction.REGISTER, 0, KB))
        assert answer(outcome) == GOOD
    assert answer(execute(state, B, out(OutAction.REGISTER, 0, KB))[1]) == INSUFFICIENT_REGISTRATION_RESOURCES


def test_at_the_limit_keys_can_still_be_changed_and_taken_back() -> None:
    state = State()
    for number in range(MOST_REGISTRATIONS):
        nexus = type(A)(f"{number}", SasPort(number))
        state, _ = execute(state, nexus, out(OutAction.REGISTER, 0, KB))
    first = state.registrations[0].nexus
    changed, outcome = execute(state, first, out(OutAction.REGISTER, KB, KA))
    assert (answer(outcome), changed.key_of(first)) == (GOOD, KA)
    left, outcome = execute(state, first, out(OutAction.REGISTER, KB, 0))
    assert (answer(outcome), left.key_of(first)) == (GOOD, None)


def test_attentions_of_those_who_never_come_do_not_pile_up() -> None:
    state, longest = State(), 0.0
    for number in range(2 * MOST_ATTENTIONS // AT_ONCE):
        state, said = register_crowd(state, number)
        assert said == GOOD
        state, _ = execute(state, B, out(OutAction.REGISTER, 0, KB))
        began = time.monotonic()
        state, outcome = execute(state, B, out(OutAction.PREEMPT, KB, KA, kind=WR))
        longest = max(longest, time.monotonic() - began)
        assert answer(outcome) == GOOD
        state, outcome = execute(state, A, out(OutAction.REGISTER, 0, 0))
        assert answer(outcome) == REGISTRATIONS_PREEMPTED  # the newest are told
    assert len(state.attentions) <= MOST_ATTENTIONS
    assert longest < LONGEST
