"""Commands on several paths, at once or in turn, and what the kernel's refusal becomes."""

import errno
import os
import threading
from collections.abc import Iterator

import pytest

from prhelper.device.multipath.rules.commands import register
from prhelper.device.multipath.sending import MIN_TIMEOUT, Order, send, send_at_once, send_in_turn
from prhelper.scsi import sg_io
from prhelper.scsi.commands import reserve_in
from prhelper.scsi.outcome import Outcome, outcome_of_errno
from prhelper.scsi.reservation import Command, InAction
from prhelper.scsi.sg_io import SgIoResult
from prhelper.scsi.status import Status

READ_KEYS = reserve_in(InAction.READ_KEYS)
REGISTER = register(0, 0xABC, 0)
ORDERS = tuple((path, READ_KEYS) for path in ("a", "b", "c"))


@pytest.fixture
def null() -> Iterator[int]:
    descriptor = os.open("/dev/null", os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def answered(order: Order) -> Outcome:
    return Outcome(Status.GOOD, data=order[0].encode())


@pytest.mark.parametrize("send_all", [send_at_once, send_in_turn])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_outcomes_come_in_the_order_of_the_commands(send_all: object, count: int) -> None:
    assert callable(send_all)
    assert [outcome.data for outcome in send_all(ORDERS[:count], answered)] == [b"a", b"b", b"c"][:count]


def test_paths_are_asked_at_once_so_that_none_waits_for_another() -> None:
    all_asked = threading.Barrier(len(ORDERS), timeout=10)

    def wait_for_the_others(order: Order) -> Outcome:
        all_asked.wait()
        return answered(order)

    assert len(send_at_once(ORDERS, wait_for_the_others)) == len(ORDERS)


def test_in_turn_no_path_is_asked_before_the_one_before_has_answered() -> None:
    under_way = threading.Lock()

    def one_at_a_time(order: Order) -> Outcome:
        assert under_way.acquire(blocking=False)
        under_way.release()
        return answered(order)

    assert len(send_in_turn(ORDERS, one_at_a_time)) == len(ORDERS)


@pytest.mark.parametrize("started", [0, 1])
def test_without_threads_every_path_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch, started: int) -> None:
    start, left = threading.Thread.start, [None] * started

    def start_as_many(thread: threading.Thread) -> None:
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_as_many)
    assert [outcome.data for outcome in send_at_once(ORDERS, answered)] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("command", [READ_KEYS, REGISTER])
def test_what_the_kernel_refuses_becomes_an_outcome(null: int, command: Command) -> None:
    assert send(null, "a", command, 10) == outcome_of_errno(errno.ENOTTY)


@pytest.mark.parametrize(("given", "used"), [(1.0, MIN_TIMEOUT), (60.0, 60.0)])
def test_a_path_has_seven_seconds_at_least(
    null: int, monkeypatch: pytest.MonkeyPatch, given: float, used: float
) -> None:
    timeouts = []

    def record(fd: int, cdb: bytes, data: object, timeout: float) -> SgIoResult:  # noqa: ARG001
        timeouts.append(timeout)
        return SgIoResult(Status.GOOD, 0, 0, b"", 0, b"")

    monkeypatch.setattr(sg_io, "read_command", record)
    monkeypatch.setattr(sg_io, "write_command", record)
    for command in (READ_KEYS, REGISTER):
        assert send(null, "a", command, given) == Outcome(Status.GOOD)
    assert timeouts == [used, used]
