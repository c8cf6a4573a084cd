"""The service actions by name: the bytes that each sends, and the values that it makes of the answer."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from prhelper.client import (
    Capabilities,
    Client,
    FullStatus,
    HeldReservation,
    IscsiPort,
    Keys,
    Registrant,
    Reservation,
    ReservationType,
    SasPort,
    connect,
)

from ...support.spc import (
    ALL_TG_PT,
    APTPL,
    MOVE_APTPL,
    SPEC_I_PT,
    UNREG,
    In,
    Out,
    keys,
    move_list,
    reserve_in,
    reserve_out,
    transport_ids,
)
from ..channel.contexts import Context
from .scripted import Request, answering, helper, response

Operation = Callable[[Client, int], Awaitable[object]]

EXCLUSIVE = ReservationType.EXCLUSIVE_ACCESS
REGISTRANTS_ONLY = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY
SAS = SasPort(0x5000C5001234ABCD)
SAS_BYTES = bytes.fromhex("06000000 5000C5001234ABCD 000000000000000000000000")
ISCSI = IscsiPort("iqn.2026-11.org.example")
ISCSI_BYTES = bytes.fromhex("05000018") + b"iqn.2026-11.org.example\0"


def out(action: Out, parameters: bytes, kind: int = 0) -> Request:
    return reserve_out(action, kind, len(parameters)), parameters


WRITES: dict[str, tuple[Operation, Request]] = {
    "register": (lambda client, disk: client.register(disk, param_sark=0xA1), out(Out.REGISTER, keys(0, 0xA1))),
    "register, every flag": (
        lambda client, disk: client.register(
            disk, param_rk=1, param_sark=2, param_aptpl=True, param_alltgpt=True, transport_ids=[SAS]
        ),
        out(Out.REGISTER, keys(1, 2, APTPL | ALL_TG_PT | SPEC_I_PT) + transport_ids(SAS_BYTES)),
    ),
    "register as many ports as fit": (
        lambda client, disk: client.register(disk, param_sark=2, transport_ids=[*[SAS] * 339, ISCSI]),
        out(Out.REGISTER, (keys(0, 2, SPEC_I_PT) + transport_ids(SAS_BYTES * 339 + ISCSI_BYTES)).ljust(8192)),
    ),
    "register and ignore existing key": (
        lambda client, disk: client.register_and_ignore_existing_key(disk, param_sark=0xA1, param_aptpl=True),
        out(Out.REGISTER_AND_IGNORE_EXISTING_KEY, keys(0, 0xA1, APTPL)),
    ),
    "reserve": (
        lambda client, disk: client.reserve(disk, param_rk=0xA1, prout_type=REGISTRANTS_ONLY),
        out(Out.RESERVE, keys(0xA1), 5),
    ),
    "release": (
        lambda client, disk: client.release(disk, param_rk=0xA1, prout_type=EXCLUSIVE),
        out(Out.RELEASE, keys(0xA1), 3),
    ),
    "clear": (lambda client, disk: client.clear(disk, param_rk=2**64 - 1), out(Out.CLEAR, keys(2**64 - 1))),
    "preempt": (
        lambda client, disk: client.preempt(disk, param_rk=1, param_sark=2, prout_type=EXCLUSIVE),
        out(Out.PREEMPT, keys(1, 2), 3),
    ),
    "preempt and abort": (
        lambda client, disk: client.preempt_and_abort(disk, param_rk=1, param_sark=2, prout_type=EXCLUSIVE),
        out(Out.PREEMPT_AND_ABORT, keys(1, 2), 3),
    ),
    "register and move": (
        lambda client, disk: client.register_and_move(
            disk, param_rk=1, param_sark=2, transport_id=SAS, relative_target_port=3, param_unreg=True
        ),
        out(Out.REGISTER_AND_MOVE, move_list(1, 2, SAS_BYTES, 3, UNREG)),
    ),
    "register and move, to survive": (
        lambda client, disk: client.register_and_move(
            disk, param_rk=1, param_sark=2, transport_id=SAS, relative_target_port=0, param_aptpl=True
        ),
        out(Out.REGISTER_AND_MOVE, move_list(1, 2, SAS_BYTES, 0, MOVE_APTPL)),
    ),
}

READS: dict[str, tuple[Operation, In, str, object]] = {
    "keys": (
        lambda client, disk: client.read_keys(disk),
        In.READ_KEYS,
        "00000007 00000010 00000000000000A1 00000000000000A2",
        Keys(7, (0xA1, 0xA2), True),
    ),
    "reservation": (
        lambda client, disk: client.read_reservation(disk),
        In.READ_RESERVATION,
        "00000007 00000010 00000000000000A1 00000000 00 05 0000",
        HeldReservation(7, Reservation(0xA1, 5)),
    ),
    "capabilities": (
        lambda client, disk: client.report_capabilities(disk),
        In.REPORT_CAPABILITIES,
        "0008 1D 81 EA01 0000",
        Capabilities(False, True, True, True, True, 0, True, frozenset(ReservationType)),
    ),
    "full status": (
        lambda client, disk: client.read_full_status(disk),
        In.READ_FULL_STATUS,
        "00000007 00000030 00000000000000A1 00000000 01 05 00000000 0002 00000018" + SAS_BYTES.hex(),
        FullStatus(7, (Registrant(0xA1, True, False, 5, 2, SAS),), True),
    ),
}


@pytest.mark.parametrize(("operation", "expected"), WRITES.values(), ids=WRITES)
def test_what_writes_sends_its_fields_where_the_standard_has_them(
    path: Path, disk: int, runtime: Context, operation: Operation, expected: Request
) -> None:
    async def body() -> None:
        with await connect(path) as client:
            assert await operation(client, disk) is None

    with helper(path, answering(response())) as there:
        runtime.run(body)
        assert there.requests == [expected]


@pytest.mark.parametrize(("operation", "action", "data", "expected"), READS.values(), ids=READS)
def test_what_reads_asks_for_as_much_as_there_can_be_and_returns_values(
    path: Path, disk: int, runtime: Context, operation: Operation, action: In, data: str, expected: object
) -> None:
    async def body() -> object:
        with await connect(path) as client:
            return await operation(client, disk)

    with helper(path, answering(response(payload=bytes.fromhex(data)))) as there:
        assert runtime.run(body) == expected
        assert there.requests == [(reserve_in(action), b"")]


def test_a_file_object_will_do_for_a_disk(path: Path, runtime: Context) -> None:
    async def body() -> None:
        with await connect(path) as client, Path("/dev/null").open("rb") as null:
            assert (await client.read_keys(null)).keys == ()

    with helper(path, answering(response(payload=bytes(8)))):
        runtime.run(body)


WRONG: dict[str, Operation] = {
    "a key of nine bytes": lambda client, disk: client.register(disk, param_sark=2**64),
    "a key below zero": lambda client, disk: client.clear(disk, param_rk=-1),
    "a port of three bytes": lambda client, disk: client.register_and_move(
        disk, param_rk=1, param_sark=2, transport_id=SAS, relative_target_port=2**16
    ),
    "more ports than fit": lambda client, disk: client.register(
        disk, param_sark=1, transport_ids=[IscsiPort("iqn.2026-11.org.example:" + "x" * 100)] * 80
    ),
}


@pytest.mark.parametrize("operation", WRONG.values(), ids=WRONG)
def test_what_has_no_room_in_its_field_is_refused_and_not_sent(
    path: Path, disk: int, runtime: Context, operation: Operation
) -> None:
    async def body() -> None:
        with await connect(path) as client:
            with pytest.raises(ValueError, match=r"no room|are the most"):
                await operation(client, disk)
            await client.read_keys(disk)  # over the same connection

    with helper(path, answering(response(payload=bytes(8)))) as there:
        runtime.run(body)
        assert there.requests == [(reserve_in(In.READ_KEYS), b"")]
