"""The client library with QEMU's helper and with ours: the same values, and the same errors."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from prhelper.client import (
    Client,
    HeldReservation,
    Keys,
    Reservation,
    ReservationConflict,
    ReservationType,
    ScsiError,
    TaskSetFull,
    UnitAttention,
    connect,
)

from ...support.fake_device import HEALTHY, Answer
from ...support.spc import (
    CHECK_CONDITION,
    CONFLICT,
    RESERVATIONS_PREEMPTED,
    TASK_SET_FULL,
    Out,
    fixed_sense,
    keys,
    reserve_out,
)
from ...unit.channel.contexts import ASYNCIO, THREAD, TRIO, Context
from .pair import Pair, Side, opened

EXCLUSIVE = ReservationType.EXCLUSIVE_ACCESS


@pytest.fixture(params=(ASYNCIO, TRIO, THREAD), ids=repr)
def runtime(request: pytest.FixtureRequest) -> Context:
    result: Context = request.param
    return result


@pytest.fixture(params=["theirs", "ours"])
def side(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Side]:
    chosen: Side = getattr(pair, request.param)
    yield chosen
    chosen.device.set(Answer())


def run(side: Side, runtime: Context, body: Callable[[Client, int], Awaitable[object]]) -> object:
    async def connected() -> object:
        with await connect(side.helper.socket) as client, opened(HEALTHY) as fd:
            return await body(client, fd)

    return runtime.run(connected)


def test_what_the_device_returns_is_read(side: Side, runtime: Context) -> None:
    side.device.set(Answer(), bytes.fromhex("00000005 00000010 00000000000000A1 00000000 00 03 0000"))
    assert run(side, runtime, lambda client, fd: client.read_reservation(fd)) == HeldReservation(
        5, Reservation(0xA1, EXCLUSIVE)
    )
    side.device.set(Answer(), bytes.fromhex("00000005 00000008 00000000000000A1"))
    assert run(side, runtime, lambda client, fd: client.read_keys(fd)) == Keys(5, (0xA1,), True)


def test_what_is_written_reaches_the_device(side: Side, runtime: Context) -> None:
    run(side, runtime, lambda client, fd: client.preempt(fd, param_rk=1, param_sark=2, prout_type=EXCLUSIVE))
    sent = side.device.last
    assert (sent.cdb, sent.parameter_list) == (reserve_out(Out.PREEMPT, 3), keys(1, 2))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=CONFLICT), ReservationConflict),
        (Answer(status=TASK_SET_FULL), TaskSetFull),
        (Answer(status=CHECK_CONDITION, sense=fixed_sense(RESERVATIONS_PREEMPTED)), UnitAttention),
    ],
)
def test_what_the_device_refuses_is_an_error(
    side: Side, runtime: Context, answer: Answer, error: type[ScsiError]
) -> None:
    side.device.set(answer)
    before = side.device.commands
    with pytest.raises(error):
        run(side, runtime, lambda client, fd: client.reserve(fd, param_rk=1, prout_type=EXCLUSIVE))
    assert side.device.commands == before + 1
