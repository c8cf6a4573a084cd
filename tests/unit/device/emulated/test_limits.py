"""An initiator may make up as many others as it likes: the unit keeps so many, and looks at each but a few times.

Looking at one is to compare it with another, or to hash it.
"""

import pytest

from prhelper.device.emulated.rules import MAX_REGISTRATIONS, execute
from prhelper.device.emulated.state import MAX_ATTENTIONS, Nexus, Registration, State, reservation_of
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.transport_id import SasPort

from ....support.spc import (
    ALL_TG_PT,
    GOOD,
    INSUFFICIENT_REGISTRATION_RESOURCES,
    REGISTRATIONS_PREEMPTED,
    SPEC_I_PT,
    reserve_in,
)
from .unit import EAA, KA, KB, WR, A, Answer, B, answer, listed, out

AT_ONCE = 256
"""So many ports fit into the parameter list of one command."""

MAX_WORK = 8 * (MAX_REGISTRATIONS + MAX_ATTENTIONS)
"""Each nexus that the unit knows of is looked at a few times for one command, and not once for each other."""


class Work:
    """How often a nexus was compared or hashed."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, state: State, nexus: Nexus, command: Command) -> tuple[State, int]:
        """Carry out a command that must be GOOD: the state after it, and its work."""
        before = self.count
        state, outcome = execute(state, nexus, command)
        assert answer(outcome) == GOOD
        return state, self.count - before


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    equal, hashed = Nexus.__eq__, Nexus.__hash__

    def counted_equal(self: Nexus, other: object) -> bool:
        work.count += 1
        return equal(self, other)

    def counted_hash(self: Nexus) -> int:
        work.count += 1
        return hashed(self)

    monkeypatch.setattr(Nexus, "__eq__", counted_equal)
    monkeypatch.setattr(Nexus, "__hash__", counted_hash)
    assert {A: B}[A] == B
    assert work.count == 3
    return work


def crowd(number: int) -> bytes:
    """The TransportIDs of so many made-up initiators that nobody has seen before."""
    return listed(*(SasPort(number * AT_ONCE + each) for each in range(AT_ONCE)))


def register_crowd(state: State, number: int) -> tuple[State, Answer]:
    """A registers, and a crowd with it."""
    state, _ = execute(state, A, out(OutAction.REGISTER, KA, 0))
    state, outcome = execute(state, A, out(OutAction.REGISTER, 0, KA, flags=SPEC_I_PT, additional=crowd(number)))
    return state, answer(outcome)


@pytest.mark.slow
def test_registrations_beyond_what_there_is_room_for_are_refused_and_change_nothing() -> None:
    state = State()
    for number in range(3):
        state, said = register_crowd(state, number)
        assert said == GOOD
    state, _ = execute(state, A, out(OutAction.REGISTER, KA, 0))
    before = state
    state, said = register_crowd(state, 3)
    assert (said, state) == (INSUFFICIENT_REGISTRATION_RESOURCES, before)
    for number in range(MAX_REGISTRATIONS - len(state.registrations)):
        nexus = type(A)("one more", SasPort(1 << 40 | number))
        state, outcome = execute(state, nexus, out(OutAction.REGISTER, 0, KB))
        assert answer(outcome) == GOOD
    assert answer(execute(state, B, out(OutAction.REGISTER, 0, KB))[1]) == INSUFFICIENT_REGISTRATION_RESOURCES


@pytest.mark.slow
def test_at_the_limit_keys_can_still_be_changed_and_taken_back() -> None:
    state = State()
    for number in range(MAX_REGISTRATIONS):
        nexus = type(A)(f"{number}", SasPort(number))
        state, _ = execute(state, nexus, out(OutAction.REGISTER, 0, KB))
    first = state.registrations[0].nexus
    changed, outcome = execute(state, first, out(OutAction.REGISTER, KB, KA))
    assert (answer(outcome), changed.key_of(first)) == (GOOD, KA)
    left, outcome = execute(state, first, out(OutAction.REGISTER, KB, 0))
    assert (answer(outcome), left.key_of(first)) == (GOOD, None)


@pytest.mark.slow
def test_attentions_of_those_who_never_come_do_not_pile_up() -> None:
    state = State()
    for number in range(2 * MAX_ATTENTIONS // AT_ONCE):
        state, said = register_crowd(state, number)
        assert said == GOOD
        state, _ = execute(state, B, out(OutAction.REGISTER, 0, KB))
        state, outcome = execute(state, B, out(OutAction.PREEMPT, KB, KA, kind=WR))
        assert answer(outcome) == GOOD
        state, outcome = execute(state, A, out(OutAction.REGISTER, 0, 0))
        assert answer(outcome) == REGISTRATIONS_PREEMPTED  # the newest are told
    assert len(state.attentions) <= MAX_ATTENTIONS


STRANGERS = tuple(
    Registration(Nexus(f"{number}", SasPort(1 << 40 | number)), KB) for number in range(MAX_REGISTRATIONS)
)


@pytest.mark.parametrize("flags", [SPEC_I_PT, SPEC_I_PT | ALL_TG_PT], ids=["one target port", "all"])
def test_registering_many_at_once_is_work_for_each_of_them_once(work: Work, flags: int) -> None:
    state = State(registrations=STRANGERS[: MAX_REGISTRATIONS - AT_ONCE - 1])
    state, done = work.of(state, A, out(OutAction.REGISTER, 0, KA, flags=flags, additional=crowd(0)))
    assert len(state.registrations) == MAX_REGISTRATIONS
    assert done < MAX_WORK


SHARED = State(registrations=(Registration(A, KA), *STRANGERS[1:]), reservation=reservation_of(EAA, A))

COMMANDS = {
    **{action.name: Command(reserve_in(action)) for action in InAction},
    "REGISTER": out(OutAction.REGISTER, KA, KB),
    "REGISTER, to leave": out(OutAction.REGISTER, KA, 0),
    "RELEASE": out(OutAction.RELEASE, KA, kind=EAA),
    "CLEAR": out(OutAction.CLEAR, KA),
    "PREEMPT": out(OutAction.PREEMPT, KA, KB),
    "PREEMPT, to take over": out(OutAction.PREEMPT, KA, 0, kind=EAA),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_full_unit_is_work_for_each_nexus_once(work: Work, command: Command) -> None:
    _, done = work.of(SHARED, A, command)
    assert done < MAX_WORK
