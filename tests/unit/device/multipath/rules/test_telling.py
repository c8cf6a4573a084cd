"""What multipathd is told, in which order, and only while it says ok."""

import pytest

from prhelper.device.multipath.rules.steps import Tell
from prhelper.scsi.reservation import OutAction

from .....support.spc import APTPL, CONFLICT, GOOD
from ...emulated.unit import ER, WR, out
from .cluster import K2, OURS, Cluster, K

REGISTER = OutAction.REGISTER
RESERVED = ["setprkey key 0xaaaa0001", "setprstatus"]
FORGOTTEN = ["unsetprhold", "unsetprstatus", "unsetprkey"]


def told(flags: int = 0) -> Cluster:
    """Registered, and multipathd knows."""
    cluster = Cluster()
    assert cluster.guest(out(REGISTER, 0, K, flags=flags)) == GOOD
    return cluster


def test_registration_is_told_key_first() -> None:
    assert told().requests == RESERVED


def test_aptpl_is_told_with_the_key() -> None:
    assert told(APTPL).requests == ["setprkey key 0xaaaa0001:aptpl", "setprstatus"]


def test_change_of_key_is_told() -> None:
    cluster = told()
    assert cluster.guest(out(REGISTER, K, K2)) == GOOD
    assert cluster.requests == ["setprkey key 0xbbbb0002", "setprstatus"]


def test_what_it_knows_already_is_not_told_again() -> None:
    cluster = told()
    assert cluster.guest(out(REGISTER, K, K)) == GOOD
    assert cluster.requests == []


def test_holding_and_releasing_is_told() -> None:
    cluster = told()
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    assert cluster.requests == ["setprhold"]
    assert cluster.guest(out(OutAction.RELEASE, K, kind=WR)) == GOOD
    assert cluster.requests == ["unsetprhold"]


@pytest.mark.parametrize("action", [REGISTER, OutAction.CLEAR, OutAction.PREEMPT])
def test_leaving_is_told_backwards(action: int) -> None:
    cluster = told()
    assert cluster.guest(out(action, K, K if action == OutAction.PREEMPT else 0, kind=WR)) == GOOD
    assert cluster.requests == FORGOTTEN


def test_fencing_that_is_noticed_is_told_as_leaving_is() -> None:
    cluster = told()
    cluster.before["b REGISTER K>K2"] = cluster.fence
    assert cluster.guest(out(REGISTER, K, K2)) == CONFLICT
    assert cluster.requests == FORGOTTEN


@pytest.mark.parametrize("refused", ["setprkey", "setprstatus"])
def test_nothing_is_said_after_a_refusal_and_all_of_it_with_the_next_command(refused: str) -> None:
    cluster = Cluster()
    cluster.reply = lambda request: "fail" if request.verb == refused else "ok"
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert cluster.requests[-1].startswith(refused)
    cluster.reply = lambda _: "ok"
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    assert cluster.requests == [*RESERVED, "setprhold"]


@pytest.mark.parametrize(
    ("reply", "is_late"), [("", True), ("timeout", True), ("fail\ntimeout", True), ("fail", False), ("ok", False)]
)
def test_multipathd_that_did_not_answer_is_worth_another_try(reply: str, is_late: bool) -> None:
    cluster = Cluster()
    cluster.reply = lambda _: reply
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert cluster.memory.told.is_late is is_late
    cluster.reply = lambda _: "ok"
    cluster.look_after()
    assert (cluster.memory.told.is_set, cluster.memory.told.is_late) == (True, False)


def test_older_multipathd_that_knows_no_prhold_is_told_the_rest() -> None:
    cluster = Cluster()
    cluster.reply = lambda request: "fail" if "prhold" in request.verb else "ok"
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    assert cluster.requests == FORGOTTEN


def test_hold_that_was_refused_is_told_again() -> None:
    cluster = told()
    cluster.reply = lambda _: "fail"
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    assert cluster.requests == ["setprhold"]


def test_status_that_was_not_set_is_not_asked_for_after_a_take_over() -> None:
    cluster = Cluster({"a": K, "b": K}, OURS["a"])
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=WR)) == GOOD
    assert cluster.requests == [*RESERVED, "setprhold"]


@pytest.mark.parametrize(("status", "requests"), [("set", []), ("1", []), ("unset", RESERVED), ("0", RESERVED)])
def test_status_that_was_lost_in_a_take_over_is_set_again(status: str, requests: list[str]) -> None:
    cluster = told()
    assert cluster.guest(out(OutAction.RESERVE, K, kind=WR)) == GOOD
    replies = {"getprstatus": status}
    cluster.reply = lambda request: replies.get(request.verb, "ok")
    assert cluster.guest(out(OutAction.PREEMPT, K, K, kind=ER)) == GOOD
    assert cluster.requests == ["getprstatus", *requests, *(["setprhold"] if requests else [])]


@pytest.mark.parametrize("reply", ["timeout", "fail\ntimeout", "fail", ""])
@pytest.mark.parametrize(("refused", "asked"), [("unsetprstatus", FORGOTTEN[:2]), ("unsetprkey", FORGOTTEN)])
def test_leaving_that_was_not_confirmed_is_told_again(refused: str, asked: list[str], reply: str) -> None:
    cluster = told()
    cluster.reply = lambda request: reply if request.verb == refused else "ok"
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    assert cluster.requests == asked
    cluster.reply = lambda _: "ok"
    cluster.look_after()
    assert cluster.requests == FORGOTTEN
    cluster.look_after()
    assert cluster.requests == []


@pytest.mark.parametrize("refused", ["unsetprstatus", "unsetprkey"])
def test_key_is_told_again_after_leaving_that_was_not_confirmed(refused: str) -> None:
    cluster = told()
    cluster.reply = lambda request: "fail" if request.verb == refused else "ok"
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert cluster.requests == RESERVED
    assert cluster.guest(out(REGISTER, K, K)) == GOOD
    assert cluster.requests == []


@pytest.mark.parametrize("refused", ["setprkey", "setprstatus"])
def test_leaving_is_told_if_the_key_may_be_known(refused: str) -> None:
    cluster = Cluster()
    cluster.reply = lambda request: "fail" if request.verb == refused else "ok"
    assert cluster.guest(out(REGISTER, 0, K)) == GOOD
    assert cluster.guest(out(REGISTER, K, 0)) == GOOD
    assert cluster.requests == FORGOTTEN


@pytest.mark.parametrize("key", ["0xaaaa0001", "0xbbbb0002", "none", "fail\ndevice not found", ""])
def test_restarted_process_tells_what_multipathd_may_not_have_been_told(key: str) -> None:
    cluster = Cluster({"a": K, "b": K})
    cluster.reply = lambda request: key if request.verb == "getprkey" else "ok"
    cluster.restart()
    assert cluster.requests == ["getprkey", *RESERVED]
    cluster.look_after()
    assert cluster.requests == []


def test_restarted_process_has_multipathd_forget_what_no_path_has() -> None:
    cluster = Cluster()
    cluster.reply = lambda request: "0xaaaa0001" if request.verb == "getprkey" else "ok"
    cluster.restart()
    assert cluster.requests == ["getprkey", *FORGOTTEN]


def test_request_has_the_verb_and_an_argument() -> None:
    assert Tell("setprkey", "key 0x1") == ("setprkey", "key 0x1")
