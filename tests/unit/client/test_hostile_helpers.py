"""Helpers that break the protocol, or break off: the command ends with an error, and is never sent again."""

import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from prhelper.client import AnswerLost, ParameterDataError, Unreachable, connect

from ...support.spc import In, Out, keys, reserve_in, reserve_out
from ..channel.contexts import Context
from .scripted import FEATURES, Connection, Script, answering, helper, response, waiting

REGISTER = (reserve_out(Out.REGISTER), keys(0, 0xA1))
READ_KEYS = (reserve_in(In.READ_KEYS), b"")
NO_KEYS = response(payload=bytes(8))


def breaking_off(connection: Connection) -> None:
    """Hangs up once it has the CDB, with the parameter list on its way."""
    connection.negotiate()
    connection.receive(16)


def with_descriptors(connection: Connection) -> None:
    connection.negotiate()
    connection.request()
    null = os.open("/dev/null", os.O_RDONLY)
    connection.send(NO_KEYS, [null] * 3)
    os.close(null)


LOST: dict[str, tuple[Script, str]] = {
    "hangs up": (answering(b""), "the helper hung up"),
    "half an answer": (answering(response()[:50]), "the helper hung up"),
    "a status without the rest": (answering(response()[:8]), "the helper hung up"),
    "rubbish": (answering(b"\xff" * 200), "the helper sent status -1, which is not one byte"),
    "a status of two bytes": (answering(response(0x1234)), "the helper sent status 4660, which is not one byte"),
    "data that nobody asked for": (answering(response(0, b"x")), "the helper sent a payload of 1 bytes"),
    "a size below zero": (answering(struct.pack(">ii", 0, -1) + bytes(96)), "a payload of -1 bytes"),
    "the CDB alone": (breaking_off, "lost: "),
}


@pytest.mark.parametrize(("script", "reason"), LOST.values(), ids=LOST)
def test_an_out_whose_answer_is_lost_may_have_been_carried_out_and_is_not_sent_again(
    path: Path, disk: int, runtime: Context, script: Script, reason: str
) -> None:
    async def body() -> None:
        with await connect(path) as client:
            with pytest.raises(AnswerLost) as raised:
                await client.register(disk, param_sark=0xA1)
            text = str(raised.value)
            assert text.startswith("the answer to PERSISTENT RESERVE OUT REGISTER, key 0x0, service action key 0xa1 is")
            assert text.endswith("; it may have been carried out")
            assert reason in text
            assert (await client.read_keys(disk)).keys == ()

    with helper(path, script, answering(NO_KEYS)) as there:
        runtime.run(body)
        assert there.requests in ([REGISTER, READ_KEYS], [READ_KEYS])  # the latter where it took the CDB alone
        assert there.connections == 2


@pytest.mark.parametrize(
    "script",
    [answering(b""), answering(response(payload=bytes(8))[:-1]), answering(struct.pack(">ii", 0, 8193) + bytes(96))],
    ids=["none", "cut off in the data", "more than was asked for"],
)
def test_an_in_whose_answer_is_lost_is_not_said_to_have_done_anything(
    path: Path, disk: int, runtime: Context, script: Script
) -> None:
    async def body() -> None:
        with await connect(path) as client:
            with pytest.raises(AnswerLost) as raised:
                await client.read_keys(disk)
            assert "carried out" not in str(raised.value)
            await client.read_keys(disk)

    with helper(path, script, answering(NO_KEYS)) as there:
        runtime.run(body)
        assert there.requests == [READ_KEYS, READ_KEYS]


def test_an_answer_that_does_not_come_in_time_is_lost(path: Path, disk: int, runtime: Context) -> None:
    async def body() -> None:
        lost = pytest.raises(AnswerLost, match="it took too long; it may have been carried out")
        with await connect(path, timeout=0.1) as client, lost:
            await client.register(disk, param_sark=0xA1)
        over.set()

    over = threading.Event()
    with helper(path, waiting(over)) as there:
        runtime.run(body)
        assert there.requests == [REGISTER]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (lambda _: None, "the helper hung up"),
        (lambda connection: connection.send(FEATURES[:3]), "the helper hung up"),
        (lambda connection: connection.receive(1), "it took too long"),
    ],
    ids=["hangs up", "half of the features", "says nothing"],
)
def test_a_helper_that_does_not_negotiate_is_not_reached(
    path: Path, runtime: Context, script: Script, reason: str
) -> None:
    async def body() -> None:
        with pytest.raises(Unreachable, match=reason):
            await connect(path, timeout=0.2 if "long" in reason else None)

    with helper(path, script):
        runtime.run(body)


def test_bytes_that_answer_nothing_are_not_taken_for_the_next_answer(path: Path, disk: int, runtime: Context) -> None:
    """A second answer, to what was asked once, would else be the answer to an OUT that comes later."""

    async def body() -> None:
        with await connect(path) as client:
            await client.read_keys(disk)
            assert sent.wait(10)
            await client.register(disk, param_sark=0xA1)

    def twice(connection: Connection) -> None:
        connection.negotiate()
        connection.request()
        connection.send(NO_KEYS)
        connection.send(response())
        sent.set()
        connection.receive(1)

    sent = threading.Event()
    with helper(path, twice, answering(response())) as there:
        runtime.run(body)
        assert there.requests == [READ_KEYS, REGISTER]
        assert there.connections == 2


def test_descriptors_that_come_with_an_answer_are_not_kept(path: Path, disk: int, runtime: Context) -> None:
    async def body() -> None:
        with await connect(path) as client:
            assert (await client.read_keys(disk)).keys == ()

    with helper(path, with_descriptors):
        runtime.run(body)


def test_rubbish_for_data_is_an_error_of_the_device_and_keeps_the_connection(
    path: Path, disk: int, runtime: Context
) -> None:
    async def body() -> None:
        with await connect(path) as client:
            with pytest.raises(ParameterDataError):
                await client.read_full_status(disk)
            await client.read_keys(disk)

    with helper(path, answering(response(payload=b"\0\0\0\1\0\0\0\7rubbish"), NO_KEYS)) as there:
        runtime.run(body)
        assert there.connections == 1


def test_a_socket_that_is_none_of_a_helper_is_not_reached(path: Path, runtime: Context) -> None:
    async def body() -> None:
        with pytest.raises(Unreachable, match="Protocol wrong type for socket"):
            await connect(path)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(os.fspath(path))
        runtime.run(body)


def test_a_connection_that_breaks_is_said_in_the_kernels_words(path: Path, disk: int, runtime: Context) -> None:
    async def body() -> None:
        lost = pytest.raises(AnswerLost, match=r"Connection reset by peer|Broken pipe")
        with await connect(path) as client, lost:
            await client.register(disk, param_sark=0xA1)

    def break_off(connection: Connection) -> None:
        connection.negotiate()
        connection.receive(3)  # the rest is left unread

    with helper(path, break_off):
        runtime.run(body)
