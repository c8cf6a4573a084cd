"""What holds after any sequence of commands, valid or not, of three nexuses."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, State, power_cycled
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.status import Status
from prhelper.scsi.transport_id import TransportID

from ....support.spc import ALL_TG_PT, APTPL, SPEC_I_PT, UNIT_ATTENTION, reserve_in, sense_code
from .unit import KA, KB, TYPES, A, B, C, listed, move, out

Log = list[tuple[Nexus, Command]]
Make = Callable[[int, int, int, int, TransportID], Command]
Step = tuple[Nexus, Make, int | None, int, int, int, TransportID]


def plain(action: int) -> Make:
    return lambda key, new, kind, flags, _port: out(action, key, new, kind, flags)


def specify(key: int, new: int, _kind: int, flags: int, port: TransportID) -> Command:
    return out(OutAction.REGISTER, key, new, flags=flags | SPEC_I_PT, additional=listed(port, C.transport_id))


def give(key: int, new: int, _kind: int, flags: int, port: TransportID) -> Command:
    return move(key, new, port, flags & 3 or 2, flags & 3)


def read(key: int, new: int, _kind: int, _flags: int, _port: TransportID) -> Command:
    return Command(reserve_in(new % 5, key % 99))


# Commands that build something up come more often, and so do right keys (None), or nothing would last.
MAKES = [*map(plain, (*range(10), 31, *[OutAction.REGISTER] * 8, *[OutAction.RESERVE] * 6)), *[specify, give] * 2, read]
STEPS = st.tuples(
    st.sampled_from([A, B, replace(B, relative_port=2), C]),
    st.sampled_from(MAKES),
    st.sampled_from([None] * 7 + [KA]),
    st.sampled_from([KA, KB, 2**64 - 1, 0]),
    st.sampled_from([*TYPES, *TYPES, 0, 0x11]),
    st.sampled_from([0, APTPL, ALL_TG_PT, 2, 3]),
    st.sampled_from([A.transport_id, B.transport_id]),
)


def command_of(step: Step, state: State) -> Command:
    nexus, make, key, new, kind, flags, port = step
    return make(state.key_of(nexus) or 0 if key is None else key, new, kind, flags, port)


UNIT = State(ports=(1, 2))

# A busy machine is no fault of the rules; and to shrink a sequence takes longer than a test may.
unhurried = settings(deadline=None, phases=[Phase.explicit, Phase.generate])


def replay(log: Log, state: State = UNIT) -> tuple[State, list[Outcome]]:
    outcomes = []
    for nexus, command in log:
        state, outcome = execute(state, nexus, command)
        outcomes.append(outcome)
    return state, outcomes


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Commands as they were sent, one after another, to a unit that began empty."""
    state, log = UNIT, Log()
    for step in draw(st.lists(STEPS, min_size=20, max_size=60)):
        log.append((step[0], command_of(step, state)))
        state, _ = execute(state, *log[-1])
    return log


LOGS = logs()


@unhurried
@given(LOGS)
def test_there_is_one_reservation_at_most_and_its_holder_is_registered(log: Log) -> None:
    state = UNIT
    for nexus, command in log:
        state, _ = execute(state, nexus, command)
        if (reservation := state.reservation) is not None:
            holders = [each.nexus for each in state.registrations if state.holds(each.nexus)]
            everybody = [each.nexus for each in state.registrations]
            assert holders == (everybody if reservation.is_all_registrants else [reservation.holder]) != []
            assert (reservation.holder is None) == reservation.is_all_registrants


@unhurried
@given(LOGS)
def test_zero_is_never_a_key_and_no_nexus_has_two(log: Log) -> None:
    state, _ = replay(log)
    assert all(0 < each.key < 2**64 for each in state.registrations)
    assert len({each.nexus for each in state.registrations}) == len(state.registrations)
    assert all(each.nexus.relative_port in state.ports for each in state.registrations)


@unhurried
@given(LOGS)
def test_log_replayed_gives_the_same_state_and_answers(log: Log) -> None:
    assert replay(log) == replay(log)


@unhurried
@given(LOGS, st.integers(0, 60))
def test_log_replayed_from_a_stored_state_ends_like_the_whole_log(log: Log, at: int) -> None:
    half, _ = replay(log[:at])
    stored = replace(power_cycled(replace(half, aptpl=True)), ports=(1,))
    restored = State.from_dict(replace(half, aptpl=True).to_dict())
    assert restored == stored
    resumed = replace(
        restored, generation=half.generation, aptpl=half.aptpl, ports=UNIT.ports, attentions=half.attentions
    )
    assert replay(log[at:], resumed) == replay(log[at:], half)


@unhurried
@given(LOGS, STEPS)
def test_command_that_is_not_good_changes_nothing_but_the_attention_it_reports(log: Log, step: Step) -> None:
    before, _ = replay(log)
    command = command_of(step, before)
    after, outcome = execute(before, step[0], command)
    told = sense_code(outcome.sense)[0] == UNIT_ATTENTION
    assert outcome.data == b"" or not command.is_out
    if outcome.status != Status.GOOD or not command.is_out:
        assert replace(after, attentions=before.attentions) == before
        assert len(before.attentions) - len(after.attentions) == told
    uncounted = (OutAction.RESERVE, OutAction.RELEASE)
    may_count = command.is_out and outcome.status == Status.GOOD and command.service_action not in uncounted
    assert after.generation - before.generation in ((0, 1) if may_count else (0,))


@unhurried
@given(LOGS)
def test_reply_to_out_has_no_payload_and_reply_to_in_no_more_than_the_allocation_length(log: Log) -> None:
    _, outcomes = replay(log)
    for (_, command), outcome in zip(log, outcomes, strict=True):
        allowed = 0 if command.is_out or outcome.status != Status.GOOD else command.length
        assert len(outcome.data) <= allowed


@pytest.mark.parametrize("allocation", [0, 1, 7, 8, 9, 24, 100, 8192])
@pytest.mark.parametrize("action", InAction)
def test_reply_to_in_is_cut_off_at_the_allocation_length(action: InAction, allocation: int) -> None:
    state = State().registered([A, B, C], KA)
    whole = execute(state, A, Command(reserve_in(action)))[1].data
    assert execute(state, A, Command(reserve_in(action, allocation)))[1].data == whole[:allocation]


@unhurried
@given(LOGS)
def test_reading_everything_works_in_every_state(log: Log) -> None:
    state, _ = replay(log)
    reader = Nexus("reader", C.transport_id, 2)
    state = replace(state, attentions=())
    for action in InAction:
        after, outcome = execute(state, reader, Command(reserve_in(action)))
        assert (after, outcome.status) == (state, Status.GOOD)
        length = int.from_bytes(outcome.data[4:8]) + 8
        assert len(outcome.data) == (8 if action is InAction.REPORT_CAPABILITIES else length)
