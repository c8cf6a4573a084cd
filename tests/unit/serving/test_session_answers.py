"""A session's answers: those that are lost, and when the log is told."""

import errno
import select
import socket

import pytest

from prhelper.device.execution import Result
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.status import Status
from prhelper.serving import audit, unasked
from prhelper.serving.clients import Client, News
from prhelper.serving.end import AnswerLostError
from prhelper.serving.ended import Ended

from ...support.spc import reserve_in
from .sessions import HELLO, SHORT, Loopback, Runner, session


class Much:
    """Devices whose answers fill the socket."""

    async def execute(self, *_: object) -> Result:
        return Result(Outcome(Status.GOOD, data=bytes(1 << 22)))


def test_an_answer_that_is_not_read_in_time_is_lost_and_that_is_said(runner: Runner, null: int) -> None:
    with session(runner, Much(), SHORT) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        end = peer.end()
    assert isinstance(end, AnswerLostError)
    assert "PERSISTENT RESERVE IN READ KEYS, which ended with GOOD" in str(end)
    assert "--request-timeout" in str(end)


def test_an_answer_to_a_client_that_hangs_up_is_lost_and_that_is_said(runner: Runner, null: int) -> None:
    with session(runner, Much()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        peer.receive(1)
        peer.client.close()
        assert isinstance(end := peer.end(), AnswerLostError)
    assert "Broken pipe" in str(end) or "reset" in str(end)


def test_the_log_is_told_of_a_command_once_its_answer_is_on_the_way(
    runner: Runner, null: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(*_: object) -> None:
        told.append(bool(select.select([peer.client], [], [], 0)[0]))

    told: list[bool] = []
    monkeypatch.setattr(audit, "done", done)
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        peer.client.shutdown(socket.SHUT_WR)
        peer.end()
    assert told == [True]


def test_what_a_command_has_shown_is_told_unasked(runner: Runner, null: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[bytes, News]] = []
    news = News([], 0xA1)
    monkeypatch.setattr(Client, "remember", lambda *_: news)
    monkeypatch.setattr(unasked, "tell", lambda ended, what: told.append((ended.command.cdb, what)))
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        peer.client.shutdown(socket.SHUT_WR)
        peer.end()
    assert told == [(reserve_in(0), news)]


def test_the_log_is_told_of_a_command_whose_answer_is_lost(
    runner: Runner, null: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Ended] = []
    monkeypatch.setattr(audit, "done", lambda _, ended: told.append(ended))
    with session(runner, Loopback()) as peer:
        peer.send(HELLO)
        peer.client.shutdown(socket.SHUT_RD)
        peer.send(reserve_in(0), null)
        assert isinstance(peer.end(), AnswerLostError)
    assert [ended.command.cdb for ended in told] == [reserve_in(0)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(errno.ENOBUFS, "No buffer space available"), "No buffer space available"), (OSError("odd"), "odd")],
)
def test_an_answer_that_the_kernel_does_not_take_is_lost_and_why_is_said(
    runner: Runner, null: int, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    with session(runner, Loopback()) as peer:
        monkeypatch.setattr(peer.channel, "write_all", fail)
        peer.send(HELLO)
        peer.send(reserve_in(0), null)
        assert isinstance(end := peer.end(), AnswerLostError)
    assert str(end).endswith(f": {reason}")
