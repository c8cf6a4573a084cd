"""RESERVE, RELEASE, CLEAR and REGISTER AND MOVE: one path will do, if it is the right one.

To a conflict the next path may say something else: it may be the holder, or registered where the first is not. If all
say conflict and we hold the reservation, the path that holds it is away.
"""

from ....scsi import sense
from ....scsi.commands import MOVE_APTPL, MOVE_UNREG
from ....scsi.outcome import Outcome, check_condition
from ....scsi.parameter_data import Reservation
from .answers import CONFLICT, GOOD, NO_PATH, conflicting, good, is_conflict, is_good, refusal
from .commands import Wanted
from .sending import NoPathError
from .sequence import Sequence
from .steps import Entry, Steps
from .taking_over import bring_here, first_with, take_over


def reserve(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """RESERVE. Raises NoPathError."""
    outcome = yield from sequence.ask_one(wanted.command)
    if is_good(outcome):
        sequence.holds = True
    if not is_conflict(outcome):
        return outcome
    yield from sequence.mark()
    if sequence.reservation != Reservation(wanted.key, wanted.scope_and_type):
        return outcome
    if (yield from sequence.we_hold()):
        outcome, holder = yield from take_over(sequence, wanted.key, wanted.scope_and_type)
        return outcome if holder is not None or not is_good(outcome) else (yield from reserve(sequence, wanted))
    # A path that has gone away may have made this reservation, or another host that shares our key.
    return NO_PATH if sequence.lost_an_answer and not sequence.ports else outcome


def release(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """RELEASE: who does not hold the reservation is told GOOD, so each path that may hold it is asked.

    Raises NoPathError.
    """
    yield from sequence.mark()
    held = sequence.reservation
    if held is not None and sequence.key and held.key == sequence.key != wanted.key:
        return (yield from _release_by_wrong_key(sequence, wanted))
    if held is None or held.key != wanted.key or not wanted.key:
        outcome = yield from sequence.ask_one(wanted.command)
        if is_good(outcome):
            sequence.holds = False
        return outcome
    is_wrong_type = held.scope_and_type != wanted.scope_and_type and (yield from sequence.we_hold())
    answers = yield from sequence.ask(dict.fromkeys(sequence.live, wanted.command))
    if (refused := refusal(answers)) is not None:
        return refused
    yield from sequence.mark()
    if not good(answers):
        return CONFLICT
    is_held = sequence.reservation == held and (yield from sequence.we_hold())
    sequence.holds = sequence.holds and is_held
    if is_wrong_type:  # the path that holds is away, or others have ended the reservation since
        return check_condition(sense.INVALID_RELEASE)
    if not is_held:
        return GOOD
    outcome, keeper = yield from take_over(sequence, wanted.key, held.scope_and_type)
    if keeper is None or not is_good(outcome):
        return outcome
    answers = yield from sequence.ask({keeper: wanted.command})
    if keeper not in answers:
        return (yield from release(sequence, wanted))
    sequence.holds = False
    return answers[keeper]


def _release_by_wrong_key(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """RELEASE with another key than ours, which holds: what a path says against it. Raises NoPathError.

    LIO verifies the key of the path that holds, and tells all others GOOD.
    """
    answers = yield from sequence.ask(dict.fromkeys(sequence.live, wanted.command))
    if not answers:
        raise NoPathError
    return refusal(answers) or (CONFLICT if conflicting(answers) else GOOD)


def clear(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """CLEAR. Raises NoPathError."""
    yield from sequence.mark()
    outcome = yield from sequence.ask_one_surely(wanted.command)
    if is_good(outcome):
        sequence.key, sequence.holds = 0, False
    return outcome


def move(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """REGISTER AND MOVE. Raises NoPathError."""
    yield from sequence.mark()
    if wanted.heir in sequence.ports and (yield from _may_move(sequence, wanted.key)):
        return check_condition(sense.INVALID_FIELD_IN_PARAMETER_LIST)  # as to a path that names itself
    flags = wanted.command.parameter_list[17]
    leaves = bool(flags & MOVE_UNREG)
    if leaves and wanted.key == sequence.key:
        yield from sequence.note(Entry(wanted.key, had=tuple(sequence.live)))
    outcome, holder = yield from bring_here(sequence, wanted.key)
    if not is_good(outcome):
        return outcome
    if holder is None:
        outcome = yield from sequence.ask_one_surely(wanted.command)
    elif not (answers := (yield from sequence.ask({holder: wanted.command}))):
        held = sequence.reservation
        yield from sequence.look()
        if sequence.reservation == held and (yield from sequence.we_hold()):
            return (yield from move(sequence, wanted))
        yield from _moved(sequence, wanted.key, flags)  # or we were fenced, and have nothing left
        return NO_PATH
    else:
        outcome = answers[holder]
    if is_good(outcome):
        yield from _moved(sequence, wanted.key, flags)
    return outcome


def _may_move(sequence: Sequence, key: int) -> Steps[bool]:
    """Whether nothing but the heir can be wrong with the guest's REGISTER AND MOVE. Raises NoPathError."""
    if not key or (sequence.reservation is not None and not (yield from sequence.we_hold())):
        return False
    return (yield from first_with(sequence, key)) is not None


def _moved(sequence: Sequence, key: int, flags: int) -> Steps[None]:
    """The path that held the reservation has moved it, and left, if that was asked: then the others do, too."""
    sequence.holds = False
    sequence.aptpl = bool(flags & MOVE_APTPL)
    if flags & MOVE_UNREG:
        yield from sequence.register(sequence.live, key, 0)
        sequence.key = 0
