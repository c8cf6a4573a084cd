"""A helper that is restarted, or away for a while; a client that is closed, cancelled, or used twice at once."""

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

from prhelper.channel import BusyResourceError, ClosedResourceError
from prhelper.client import AnswerLost, Client, Unreachable, connect, connection
from prhelper.client.conversation import Conversation

from ...support.helper import wait_until
from ...support.spc import In, Out, keys, reserve_in, reserve_out
from ..channel.contexts import THREAD, Context
from .conftest import RUNTIMES
from .scripted import Connection, Helper, answering, helper, response, waiting

REGISTER = (reserve_out(Out.REGISTER), keys(0, 0xA1))
READ_KEYS = (reserve_in(In.READ_KEYS), b"")
NO_KEYS = response(payload=bytes(8))


@pytest.mark.parametrize("noticed", [True, False])
def test_after_a_restart_an_out_is_sent_once_over_a_new_connection(
    path: Path, disk: int, runtime: Context, monkeypatch: pytest.MonkeyPatch, noticed: bool
) -> None:
    """Whether the end of the old connection is noticed before the CDB is sent, or by sending it."""

    async def body() -> None:
        with await connect(path) as client:
            await client.read_keys(disk)
            there.wait()
            there.close()
            with helper(path, answering(response())) as next_one:
                await client.register(disk, param_sark=0xA1)
                assert next_one.requests == [REGISTER]

    if not noticed:
        monkeypatch.setattr(Conversation, "is_over", lambda _: False)
    with helper(path, answering(NO_KEYS)) as there:
        runtime.run(body)


def test_a_helper_that_is_away_is_tried_five_times(
    path: Path, disk: int, runtime: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def body() -> None:
        with Client(path) as client, pytest.raises(Unreachable, match=r"helper\.sock: No such file or directory"):
            await client.register(disk, param_sark=0xA1)

    monkeypatch.setattr(connection, "RETRY_PAUSE", 1.0)
    monkeypatch.setattr(connection, "pause", pause)
    runtime.run(body)
    assert pauses == [1.0] * 4


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_a_helper_that_comes_back_between_two_attempts_gets_the_command_once(
    path: Path, disk: int, runtime: Context, monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    async def body() -> None:
        with Client(path, timeout) as client:
            await client.register(disk, param_sark=0xA1)

    with contextlib.ExitStack() as stack:
        started: list[Helper] = []

        async def pause(_: float) -> None:
            if not started:
                started.append(stack.enter_context(helper(path, lambda _: None, answering(response()))))

        monkeypatch.setattr(connection, "pause", pause)
        runtime.run(body)
        assert started[0].requests == [REGISTER]


def test_without_time_for_another_attempt_it_is_given_up_at_once(
    path: Path, disk: int, runtime: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Path] = []
    begin = Conversation.begin

    async def body() -> None:
        with Client(path, timeout=30.0) as client, pytest.raises(Unreachable, match="No such file or directory"):
            await client.read_keys(disk)

    async def counted(path: Path, deadline: float | None) -> Conversation:
        attempts.append(path)
        return await begin(path, deadline)

    monkeypatch.setattr(connection, "RETRY_PAUSE", 3600.0)
    monkeypatch.setattr(Conversation, "begin", counted)
    runtime.run(body)
    assert attempts == [path]


def test_a_path_that_is_none_for_a_socket_is_said_so(tmp_path: Path, runtime: Context) -> None:
    async def body() -> None:
        with pytest.raises(Unreachable, match="AF_UNIX path too long"):
            await connect(tmp_path / ("x" * 200))

    runtime.run(body)


def test_one_attempt_is_made_to_connect(path: Path, runtime: Context) -> None:
    async def body() -> None:
        with pytest.raises(Unreachable, match="No such file") as raised:
            await connect(path)
        assert isinstance(raised.value.__cause__, FileNotFoundError)

    runtime.run(body)


def test_a_second_command_at_the_same_time_is_refused_and_the_first_not_disturbed(
    path: Path, disk: int, runtime: Context
) -> None:
    async def first(client: Client) -> None:
        assert await client.read_keys(disk)

    async def second(client: Client) -> None:
        with pytest.raises(BusyResourceError):
            await client.read_keys(disk)
        asked.set()

    def slow(there: Connection) -> None:
        there.negotiate()
        there.request()
        got.set()
        assert asked.wait(20)
        there.send(NO_KEYS)

    got, asked = threading.Event(), threading.Event()
    with helper(path, slow), THREAD.run(lambda: connect(path)) as client:
        running = runtime.start(lambda: first(client))
        assert got.wait(20)
        runtime.run(lambda: second(client))
        running.result()


def test_closing_it_ends_the_command_that_another_thread_waits_for(path: Path, disk: int, runtime: Context) -> None:
    over = threading.Event()
    with helper(path, waiting(over)) as there:
        client = THREAD.run(lambda: connect(path))
        running = runtime.start(lambda: client.register(disk, param_sark=0xA1))
        wait_until(lambda: there.requests)
        client.close()
        fault = running.fault()
        over.set()
        assert isinstance(fault, AnswerLost)
        assert str(fault).endswith("this side was closed; it may have been carried out")
        with pytest.raises(ClosedResourceError):
            runtime.run(lambda: client.read_keys(disk))
        assert there.requests == [REGISTER]


def test_a_command_that_is_cancelled_ends_its_connection(path: Path, disk: int) -> None:
    """Its answer must not be taken for that of the next."""

    async def body() -> None:
        with await connect(path) as client:
            task = asyncio.create_task(client.register(disk, param_sark=0xA1))
            while not there.requests:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            over.set()
            assert (await client.read_keys(disk)).keys == ()

    over = threading.Event()
    with helper(path, waiting(over), answering(NO_KEYS)) as there:
        asyncio.run(body())
        assert there.requests == [REGISTER, READ_KEYS]


def test_one_client_serves_every_runtime_in_turn(path: Path, disk: int) -> None:
    with helper(path, answering(*[NO_KEYS] * len(RUNTIMES))) as there, THREAD.run(lambda: connect(path)) as client:
        for runtime in RUNTIMES:
            assert runtime.run(lambda: client.read_keys(disk)).complete
        assert there.connections == 1


def test_a_disk_that_is_not_open_is_the_callers_mistake(path: Path, disk: int, runtime: Context) -> None:
    async def body() -> None:
        with await connect(path) as client:
            with pytest.raises(OSError, match="Bad file descriptor"):
                await client.register(2**20, param_sark=0xA1)
            await client.read_keys(disk)

    with helper(path, answering(b""), answering(NO_KEYS)) as there:
        runtime.run(body)
        assert there.requests == [READ_KEYS]


def test_a_client_that_is_closed_while_it_connects_sends_nothing(
    path: Path, disk: int, runtime: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Conversation.begin

    async def begin_and_close(where: Path, deadline: float | None) -> Conversation:
        conversation = await begin(where, deadline)
        client.close()
        return conversation

    monkeypatch.setattr(Conversation, "begin", begin_and_close)
    client = Client(path)
    with helper(path, answering(response())) as there:
        with pytest.raises(ClosedResourceError):
            runtime.run(lambda: client.register(disk, param_sark=0xA1))
        there.wait()
        assert there.requests == []


def test_an_error_of_no_known_kind_is_told_in_its_own_words(
    path: Path, disk: int, runtime: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise MemoryError("no room for the answer")

    monkeypatch.setattr(Conversation, "finish", fail)
    lost = pytest.raises(AnswerLost, match="no room for the answer")
    with helper(path, answering(b"")), Client(path) as client, lost:
        runtime.run(lambda: client.register(disk, param_sark=0xA1))
