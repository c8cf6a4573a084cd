"""PREEMPT and PREEMPT AND ABORT: one path will do, unless our own key or everybody's is to go.

RK = SARK, our own key for both, is how QEMU 11 takes a reservation along in a migration, and how fence_scsi switches a
host on that is registered already. Everybody, SARK = 0, can only be named where all registrants hold the reservation.
"""

from ....scsi.outcome import Outcome
from ....scsi.parameter_data import Reservation
from ....scsi.reservation import OutAction
from . import commands
from .answers import CONFLICT, GOOD, is_conflict, is_good
from .commands import Wanted
from .sending import NoPathError
from .sequence import Sequence
from .steps import Steps
from .taking_over import live_holder, take_over

MAX_ROUNDS = 3
"""How often everybody is preempted key by key, while others come in between."""


def preempt(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """PREEMPT or PREEMPT AND ABORT. Raises NoPathError."""
    yield from sequence.mark()
    held = sequence.reservation
    # What has a list that no PREEMPT has is the unit's to refuse.
    if wanted.is_plain and wanted.key and wanted.key == wanted.new:
        if held is not None and held.key == wanted.key:
            keeper = yield from live_holder(sequence, wanted.key, held)
            if keeper is not None and (yield from _changes_nothing(sequence, wanted, held)):
                return GOOD
            scope_and_type, action = wanted.scope_and_type, wanted.action
            outcome, holder = yield from take_over(sequence, wanted.key, scope_and_type, action, keeper)
            if holder is not None or not is_good(outcome):
                return outcome
        return (yield from _preempt_ourselves(sequence, wanted))
    if wanted.is_plain and not wanted.new and held is not None and held.is_all_registrants:
        return (yield from _preempt_everybody(sequence, wanted, held))
    outcome = yield from sequence.ask_one_surely(wanted.command)
    if is_good(outcome):
        held_before = sequence.holds or held is None or held.key != wanted.key
        yield from sequence.look()
        after = sequence.reservation
        sequence.holds = after is not None and (after.is_all_registrants or (after.key == wanted.key and held_before))
    # All registrants hold since we looked, or the unit has not refused what is no plain PREEMPT.
    if wanted.new in (0, wanted.key) and (is_good(outcome) or sequence.lost_an_answer):
        sequence.unsettled = list(sequence.live)
    return outcome


def _changes_nothing(sequence: Sequence, wanted: Wanted, held: Reservation) -> Steps[bool]:
    """Whether we hold the reservation already, and there is nobody else to preempt. Raises NoPathError.

    A nexus that preempts itself stays registered, and holds what it held (SPC-4, 5.13.11.2.4.3): that shows in nothing
    but PRGENERATION, which our probes increment, too. So no path has to be set aside, and none loses its key, be it
    away. PREEMPT AND ABORT would abort commands.
    """
    if wanted.action != OutAction.PREEMPT or wanted.scope_and_type != held.scope_and_type:
        return False
    return (yield from sequence.is_ours_alone(wanted.key))


def _preempt_ourselves(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """We do not hold the reservation: what is preempted is our own registration, which all paths share."""
    outcome = yield from sequence.ask_one_surely(wanted.command)
    if is_good(outcome):
        yield from sequence.register(sequence.live, wanted.key, 0)
        sequence.key, sequence.holds = 0, False
    return outcome


def _preempt_everybody(sequence: Sequence, wanted: Wanted, held: Reservation) -> Steps[Outcome]:
    """All registrants but ourselves go: key by key, so that our other paths stay.

    Only SARK = 0 can change the type, or reach another host that shares our key. Then they do not, and are registered
    again at once; nor do they where others come in between again and again. To release and reserve would be worse: for
    a moment those who have just been preempted could write.
    """
    for _ in range(MAX_ROUNDS):
        if wanted.scope_and_type != held.scope_and_type or (yield from sequence.is_shared(wanted.key)):
            break
        outcome = yield from _preempt_each(sequence, wanted)
        if not is_good(outcome):
            return outcome
        if (yield from sequence.is_undisturbed()) and (yield from _is_held(sequence, wanted)):
            sequence.holds = True
            return GOOD
        yield from sequence.mark()
    outcome = yield from sequence.ask_one_surely(wanted.command)
    if is_good(outcome) or sequence.lost_an_answer:
        sequence.holds = True
        sequence.unsettled = list(sequence.live)
    return outcome


def _preempt_each(sequence: Sequence, wanted: Wanted) -> Steps[Outcome]:
    """Whoever has another key than ours goes. Not GOOD: we were fenced, or never registered, or the unit refused."""
    if not (yield from sequence.probe(sequence.live, wanted.key)):
        return CONFLICT
    if (keys := (yield from sequence.all_keys())) is None:
        raise NoPathError
    for victim in dict.fromkeys(keys):
        if victim == wanted.key:
            continue
        command = commands.preempt(wanted.key, victim, wanted.scope_and_type, wanted.action)
        outcome = yield from sequence.ask_one(command)
        if is_conflict(outcome) and wanted.key in ((yield from sequence.keys()) or ()):
            continue  # it has gone by itself
        if not is_good(outcome):
            return outcome
    return GOOD


def _is_held(sequence: Sequence, wanted: Wanted) -> Steps[bool]:
    """Whether there is a reservation still; it is made again if another registrant released it before it went."""
    if sequence.reservation is not None:
        return True
    return is_good((yield from sequence.ask_one(commands.reserve(wanted.key, wanted.scope_and_type))))
