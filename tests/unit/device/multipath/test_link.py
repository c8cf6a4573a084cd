"""The way to the multipath worker: what goes there, what comes back, and what the client gets if nothing does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
import pytest

from prhelper.channel import SocketChannel, run
from prhelper.device.execution import Note, Result
from prhelper.device.identity import Target
from prhelper.device.multipath import link as module
from prhelper.device.multipath.link import Link
from prhelper.device.multipath.reporting import origin_of
from prhelper.host.peer import Peer
from prhelper.scheduler.iothread import IOThreads
from prhelper.scsi.reservation import Command

from ....support.spc import CHECK_CONDITION, CONFLICT, keys, reserve_in, reserve_out, sense_code
from ....support.worker import Answer, Daemon, FakeWorker, Report
from .failing_workers import FAULTS, SEE_LOG, START, hang_up

OUT = Command(reserve_out(1, 3), keys(0xABC))
IN = Command(reserve_in(0, 64))
ORIGIN = origin_of(Peer(4711, 107, "qemu", "machine.scope"), 7)
TRY_AGAIN = (0x0B, 0x08, 0x00)

Runner = Callable[[Callable[[], Coroutine[Any, Any, Result]]], Result]


@pytest.fixture(
    params=[lambda body: anyio.run(body), lambda body: anyio.run(body, backend="trio"), lambda body: run(body())],
    ids=["asyncio", "trio", "thread"],
)
def runner(request: pytest.FixtureRequest) -> Runner:
    chosen: Runner = request.param
    return chosen


@pytest.fixture
def device() -> Iterator[int]:
    """A descriptor to pass on; at the end of the test not one more than before is open."""
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "multipath.sock"


def execute(path: Path, device: int, command: Command = OUT, runner: Runner | None = None) -> Result:
    async def body() -> Result:
        return await Link(path, ORIGIN).execute(command, Target.of(device))

    return run(body()) if runner is None else runner(body)


def check_try_again(result: Result, *texts: str) -> None:
    """Initiators retry this, and the administrator reads why and what to do."""
    assert result.outcome.status == CHECK_CONDITION
    assert sense_code(result.outcome.sense) == TRY_AGAIN
    assert result.outcome.data == b""
    assert result.trouble is not None
    for text in ("the multipath worker, /", *texts):
        assert text in result.trouble


@pytest.mark.parametrize("command", [IN, OUT], ids=["IN", "OUT"])
def test_command_goes_to_the_worker_with_descriptor_and_client(
    runner: Runner, path: Path, device: int, command: Command
) -> None:
    def behave(daemon: Daemon) -> None:
        daemon.greet()
        requests.append(daemon.request())
        daemon.answer(Answer(CONFLICT))
        daemon.wait_for_hang_up()

    requests: list[Any] = []
    with FakeWorker(path, behave):
        result = execute(path, device, command, runner)
    (request,) = requests
    status = os.fstat(device)
    assert Command(request.cdb, request.parameter_list) == command
    assert request.files == [(status.st_dev, status.st_ino)]
    assert request.origin == {"number": 7, "pid": 4711, "uid": 107, "name": "qemu", "account": "machine.scope"}
    assert result.outcome.status == CONFLICT
    assert (result.trouble, result.error, result.note) == (None, None, None)


def test_answer_comes_back_with_all_that_the_worker_says_about_it(path: Path, device: int) -> None:
    def behave(daemon: Daemon) -> None:
        daemon.greet()
        daemon.request()
        report = Report("mpatha", "36001", ["2:0:0:0"], ["3:0:0:0"], ["look for it"], "it is slow", 5)
        daemon.answer(Answer(sense=bytes(range(96)), payload=b"keys", report=asdict(report)))

    with FakeWorker(path, behave):
        result = execute(path, device, IN)
    assert result.outcome == (0, bytes(range(96)), b"keys")
    assert (result.trouble, result.error) == ("it is slow", 5)
    assert result.note == Note("mpatha", "36001", ("2:0:0:0",), ("3:0:0:0",), ("look for it",))


@pytest.mark.parametrize(("behave", "texts"), FAULTS.values(), ids=FAULTS.keys())
def test_worker_that_fails_is_a_reason_to_try_again(
    runner: Runner, path: Path, device: int, behave: Callable[[Daemon], None], texts: tuple[str, ...]
) -> None:
    with FakeWorker(path, behave):
        result = execute(path, device, OUT, runner)
    check_try_again(result, *texts)


def test_worker_that_is_not_there_is_a_reason_to_try_again(path: Path, device: int) -> None:
    check_try_again(execute(path, device), "No such file", START)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.fspath(path))
    check_try_again(execute(path, device), "Connection refused", START)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may connect anywhere: run the tests as an ordinary user too")
def test_worker_that_may_not_be_connected_to_is_a_reason_to_try_again(path: Path, device: int) -> None:
    with FakeWorker(path, hang_up):
        path.chmod(0)
        check_try_again(execute(path, device), "Permission denied", "SupplementaryGroups=")


def test_worker_that_does_not_greet_in_time_is_a_reason_to_try_again(
    path: Path, device: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_GREETING", 0.1)
    with FakeWorker(path, Daemon.wait_for_hang_up):
        check_try_again(execute(path, device), "did not take the command within", SEE_LOG)


def test_worker_whose_backlog_is_full_is_a_reason_to_try_again(
    path: Path, device: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_GREETING", 0.1)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(os.fspath(path))
        listener.listen(0)
        first.connect(os.fspath(path))
        check_try_again(execute(path, device), "takes no more connections", SEE_LOG)


def test_greeting_has_a_limit_and_the_answer_has_none(path: Path, device: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def behave(daemon: Daemon) -> None:
        daemon.greet()
        daemon.request()
        daemon.answer(Answer(CONFLICT))

    async def read(self: SocketChannel, size: int, fds: None = None, deadline: float | None = None) -> bytes:
        limited.append(deadline is not None)
        return await read_exactly(self, size, fds, deadline)

    limited: list[bool] = []
    read_exactly = SocketChannel.read_exactly
    monkeypatch.setattr(SocketChannel, "read_exactly", read)
    with FakeWorker(path, behave):
        assert execute(path, device).outcome.status == CONFLICT
    assert limited == [True, False, False, False]  # the features; the head, the report's size, the report


def test_a_hundred_commands_wait_for_the_worker_at_once(path: Path, device: int) -> None:
    def behave(daemon: Daemon) -> None:
        daemon.greet()
        daemon.request()
        asked.release()
        assert let_go.wait(20)
        daemon.answer(Answer(CONFLICT))

    def end(result: Result | BaseException) -> None:
        results.append(result)
        ended.release()

    count = 100
    asked, ended, let_go = threading.Semaphore(0), threading.Semaphore(0), threading.Event()
    results: list[Result | BaseException] = []
    threads = IOThreads()
    threads.start()
    with FakeWorker(path, behave):
        for _ in range(count):
            threads.spawn(Link(path, ORIGIN).execute(OUT, Target.of(device)), end)
        assert all(asked.acquire(timeout=20) for _ in range(count))
        let_go.set()
        assert all(ended.acquire(timeout=20) for _ in range(count))
    assert threads.stop(10)
    assert [result.outcome.status for result in results if isinstance(result, Result)] == [CONFLICT] * count
