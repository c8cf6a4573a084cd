"""REGISTER AND MOVE: each row of the standard's table 70."""

import pytest

from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.reservation import Command, ReservationType
from prhelper.scsi.transport_id import FibreChannelPort, SasPort, TransportID

from ....support.spc import (
    CONFLICT,
    GOOD,
    INVALID_FIELD_IN_CDB,
    INVALID_FIELD_IN_PARAMETER_LIST,
)
from .unit import (
    EA,
    ER,
    KA,
    KB,
    WA,
    WE,
    WR,
    A,
    Answer,
    B,
    keys_of,
    move,
    registered,
    run,
)

NEW = 0x1234_5678_9ABC_DEF0
MOVED = move(KA, NEW, B.transport_id)

# Who is registered, the reservation's holder and type, the command of A, the answer.
TABLE_70: list[tuple[str, State, Command, Answer]] = [
    ("unregistered", registered(), MOVED, CONFLICT),
    ("unregistered, reservation of another", registered(B, holder=B, kind=WE), MOVED, CONFLICT),
    ("holder, wrong key", registered(A, holder=A, kind=WE), move(KB, NEW, B.transport_id), CONFLICT),
    ("holder, zero", registered(A, holder=A, kind=WE), move(KA, 0, B.transport_id), INVALID_FIELD_IN_PARAMETER_LIST),
    ("holder", registered(A, holder=A, kind=WE), MOVED, GOOD),
    ("registered, holds nothing", registered(A, B, holder=B, kind=EA), MOVED, CONFLICT),
    ("registrants only, holds nothing", registered(A, B, holder=B, kind=ER), move(KA, 0, A.transport_id), CONFLICT),
    ("all registrants", registered(A, B, holder=A, kind=WA), MOVED, CONFLICT),
    ("no reservation", registered(A), MOVED, INVALID_FIELD_IN_CDB),
    ("to oneself", registered(A, holder=A, kind=WE), move(KA, NEW, A.transport_id), INVALID_FIELD_IN_PARAMETER_LIST),
    ("to no port", registered(A, holder=A, kind=WE), move(KA, NEW, B.transport_id, 9), INVALID_FIELD_IN_PARAMETER_LIST),
    ("to port 0", registered(A, holder=A, kind=WE), move(KA, NEW, B.transport_id, 0), INVALID_FIELD_IN_PARAMETER_LIST),
]


@pytest.mark.parametrize(("before", "command", "told"), [row[1:] for row in TABLE_70], ids=[row[0] for row in TABLE_70])
def test_register_and_move(before: State, command: Command, told: Answer) -> None:
    after, answered = run(before, A, command)
    assert answered == told
    if told != GOOD:
        assert after == before


@pytest.mark.parametrize("kind", [WE, EA, WR, ER])
@pytest.mark.parametrize("unregister", [False, True])
@pytest.mark.parametrize("heir", [B.transport_id, FibreChannelPort(0x2100), SasPort(1)])
def test_reservation_moves_with_its_type_and_the_heir_gets_the_key(
    kind: ReservationType, unregister: bool, heir: TransportID
) -> None:
    after, answered = run(
        registered(A, B, holder=A, kind=kind), A, move(KA, NEW, heir, flags=0x03 if unregister else 0x01)
    )
    assert (answered, after.generation, after.aptpl, after.attentions) == (GOOD, 1, True, ())
    assert after.reservation is not None
    assert (after.reservation.type, after.reservation.holder) == (kind, Nexus("", heir))
    stays = {} if unregister else {A: KA}
    assert keys_of(after) == {**stays, B: KB, Nexus("", heir): NEW}


@pytest.mark.parametrize("tail", [b"", b"\0" * 4])
def test_transport_id_of_the_wrong_length_moves_nothing(tail: bytes) -> None:
    before = registered(A, holder=A, kind=WE)
    data = MOVED.parameter_list
    for parameter_list in (data[:-4] + tail[:3], data + b"\0" * 4, data[:20] + b"\0\0\0\x1c" + data[24:] + tail):
        cdb = MOVED.cdb[:7] + len(parameter_list).to_bytes(2) + MOVED.cdb[9:]
        after, answered = run(before, A, Command(cdb, parameter_list))
        assert (after, answered) == (before, INVALID_FIELD_IN_PARAMETER_LIST)
