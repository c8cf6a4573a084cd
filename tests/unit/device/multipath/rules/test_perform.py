"""What holds of every command: which path is asked, how often, and what the guest and the log are told."""

import pytest

from prhelper.device.multipath import rules
from prhelper.device.multipath.rules.sending import MAX_RETRIES
from prhelper.device.multipath.rules.steps import Entry, Memory
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome, check_condition
from prhelper.scsi.reservation import Command, InAction, OutAction
from prhelper.scsi.sense import Sense
from prhelper.scsi.status import Status

from .....support.spc import GOOD, INVALID_FIELD_IN_CDB, INVALID_OPCODE, PARAMETER_LIST_LENGTH_ERROR, reserve_in
from ...emulated.unit import WR, answer, out, out_raw
from .cluster import DEAD, NO_PATH, OURS, Cluster, K, worded

READ_KEYS = Command(reserve_in(InAction.READ_KEYS))
ATTENTION = check_condition(sense.RESET_OCCURRED)


def always(cluster: Cluster, path: str, outcome: Outcome) -> None:
    """A path that says the same to everything."""
    cluster.interfere = lambda asked, _: outcome if asked == path else None


@pytest.mark.parametrize("action", [*InAction, 9])
def test_reading_goes_by_one_path_and_the_answer_is_the_unit_s(action: int) -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["b"])
    command = Command(reserve_in(action, 100))
    done = cluster.run(rules.execute(cluster.memory, cluster.paths(), command))
    assert done.outcome == cluster.carry_out(OURS["a"], command)
    assert (done.used, done.skipped) == (("a",), ())


@pytest.mark.parametrize(
    "outcome",
    [
        DEAD,
        check_condition(Sense(0x02, 0x04, 0x0B)),
        check_condition(sense.TARGET_FAILURE),
        check_condition(Sense(0x05, 0x25, 0x00)),
        Outcome(Status.BUSY),
        Outcome(Status.TASK_SET_FULL),
    ],
    ids=worded,
)
@pytest.mark.parametrize("command", [READ_KEYS, out(OutAction.RESERVE, K, kind=WR)], ids=str)
def test_path_in_trouble_is_skipped_and_named(command: Command, outcome: Outcome) -> None:
    cluster = Cluster({"a": K, "b": K})
    always(cluster, "a", outcome)
    done = cluster.run(rules.execute(cluster.memory, cluster.paths(), command))
    assert answer(done.outcome) == GOOD
    assert (done.used, done.skipped) == (("b",), ("a",))


@pytest.mark.parametrize("command", [READ_KEYS, out(OutAction.RESERVE, K, kind=WR), out(0, 0, K), out(2, K)], ids=str)
def test_no_path_is_an_error_that_clusters_retry(command: Command) -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.leave("a", "b")
    assert cluster.guest(command) == NO_PATH


@pytest.mark.parametrize(("times", "used"), [(MAX_RETRIES, ("a",)), (MAX_RETRIES + 1, ("b",))])
def test_path_with_unit_attentions_is_asked_five_times_more(times: int, used: tuple[str, ...]) -> None:
    cluster = Cluster({"a": K, "b": K})
    pending = [ATTENTION] * times
    cluster.interfere = lambda path, _: pending.pop() if path == "a" and pending else None
    done = cluster.run(rules.execute(cluster.memory, cluster.paths(), READ_KEYS))
    assert (answer(done.outcome), done.used) == (GOOD, used)


@pytest.mark.parametrize(
    ("command", "answered"),
    [
        (out_raw(OutAction.RESERVE, bytes(8)), PARAMETER_LIST_LENGTH_ERROR),
        (out_raw(OutAction.REGISTER, bytes(25)), PARAMETER_LIST_LENGTH_ERROR),
        (out(OutAction.REPLACE_LOST_RESERVATION, K), INVALID_FIELD_IN_CDB),
        (out(0x1F, K), INVALID_FIELD_IN_CDB),
        (out(OutAction.RESERVE, K, kind=0x0F), INVALID_FIELD_IN_CDB),
    ],
)
def test_what_makes_no_sense_is_the_unit_s_to_refuse(command: Command, answered: object) -> None:
    cluster = Cluster({"a": K, "b": K})
    assert cluster.guest(command) == answered
    assert cluster.keys() == "a:K b:K"


def test_unit_without_reservations_says_so_itself() -> None:
    cluster = Cluster()
    cluster.interfere = lambda *_: check_condition(sense.INVALID_OPCODE)
    assert cluster.guest(out(OutAction.REGISTER, 0, K)) == INVALID_OPCODE
    assert cluster.guest(READ_KEYS) == INVALID_OPCODE


def test_reading_changes_nothing_and_brings_no_path_in_step() -> None:
    cluster = Cluster({"a": K})
    cluster.memory = Memory(entry=Entry(K))
    assert cluster.guest(READ_KEYS) == GOOD
    assert (cluster.sent, cluster.requests, cluster.memory) == ([], [], Memory(entry=Entry(K)))
