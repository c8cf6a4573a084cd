"""Our own commands held against PRGENERATION."""

import pytest

from prhelper.device.multipath.rules.commands import preempt, register, reserve
from prhelper.device.multipath.rules.tally import Tally
from prhelper.scsi.commands import reserve_in
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, InAction
from prhelper.scsi.status import Status

from .cluster import K2, K

GOOD, CONFLICT = Outcome(Status.GOOD), Outcome(Status.RESERVATION_CONFLICT)
REGISTER = register(K, K2, 0)


def tally(began: int | None, commands: list[tuple[Command, Outcome | None]], now: int | None) -> Tally:
    made = Tally()
    made.look(began)
    made.begin()
    for command, outcome in commands:
        made.count(command, outcome)
    made.look(now)
    return made


@pytest.mark.parametrize(
    ("began", "commands", "now", "is_exact", "may_be_done"),
    [
        (7, [], 7, True, False),
        (7, [], 8, False, False),
        (7, [(REGISTER, GOOD), (preempt(K, K2, 1), GOOD)], 9, True, False),
        (7, [(REGISTER, GOOD)], 7, False, False),
        (7, [(REGISTER, CONFLICT)], 7, True, False),
        (7, [(reserve(K, 1), GOOD), (reserve(K, 1), None)], 7, True, False),
        (7, [(reserve_in(InAction.READ_KEYS), GOOD), (reserve_in(InAction.READ_KEYS), None)], 7, True, False),
        (2**32 - 1, [(REGISTER, GOOD)], 0, True, False),
        (7, [(REGISTER, None)], 7, True, False),
        (7, [(REGISTER, None)], 8, False, True),
        (None, [], None, False, False),
        (None, [(REGISTER, GOOD)], None, False, False),
        (7, [], None, False, False),
    ],
)
def test_what_is_counted(
    began: int | None,
    commands: list[tuple[Command, Outcome | None]],
    now: int | None,
    is_exact: bool,
    may_be_done: bool,
) -> None:
    made = tally(began, commands, now)
    assert (made.is_exact, made.may_be_done) == (is_exact, may_be_done)


@pytest.mark.parametrize(
    ("began", "unanswered", "now", "registered", "may_have_lost"),
    [
        (7, 0, 9, 0, False),
        (7, 1, 8, 0, False),
        (7, 1, 9, 0, True),
        (7, 1, 9, 1, False),
        (7, 2, 9, 0, True),
        (7, 2, 9, 1, False),
        (7, 2, 10, 1, True),
        (7, 2, 12, 2, False),
        (2**32 - 1, 1, 1, 0, True),
        (None, 1, 9, 0, False),
        (7, 1, None, 0, False),
    ],
)
def test_whether_a_path_that_did_not_answer_may_have_been_fenced(
    began: int | None, unanswered: int, now: int | None, registered: int, may_have_lost: bool
) -> None:
    made = tally(began, [(REGISTER, None)] * unanswered, now)
    assert made.may_have_lost(registered) is may_have_lost


def test_what_was_before_the_beginning_is_not_counted() -> None:
    made = tally(7, [(REGISTER, None)], 8)
    assert not made.is_answered
    made.begin()
    assert made.is_answered
    assert made.is_exact


def test_nothing_is_sure_of_a_unit_that_was_reset() -> None:
    made = tally(7, [(REGISTER, None)], 7)
    made.doubt()
    assert (made.is_exact, made.may_be_done) == (False, True)
    made.begin()
    assert (made.is_exact, made.may_be_done) == (True, False)
