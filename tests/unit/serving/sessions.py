"""A session in a thread of its own, in each context that it can run in, and the client's end of its socket."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio

from prhelper.channel import SocketChannel, run
from prhelper.device.execution import Executor, Result
from prhelper.device.identity import Target
from prhelper.host.peer import Peer
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.serving.clients import Client
from prhelper.serving.end import AtRest, End
from prhelper.serving.seen import Seen
from prhelper.serving.session import serve

from ...support.patience import PATIENCE

HELLO = bytes(4)
SHORT = 0.2
"""Seconds: a request timeout for tests in which it is to run out."""


class Loopback:
    """Devices that answer with what they were sent."""

    async def execute(self, command: Command, target: Target) -> Result:
        assert target.device is not None
        return Result(Outcome(0, bytes(96), command.parameter_list or command.cdb))


class Remembering:
    """Devices as `devices`, and what they answered."""

    def __init__(self, devices: Executor) -> None:
        self.results: list[Result] = []
        self._devices = devices

    async def execute(self, command: Command, target: Target) -> Result:
        result = await self._devices.execute(command, target)
        self.results.append(result)
        return result


Runner = Callable[[Callable[[], Coroutine[Any, Any, End | AtRest]]], End | AtRest | BaseException]


def in_loop(backend: str) -> Runner:
    return lambda session: catch(lambda: anyio.run(session, backend=backend))


def in_thread(session: Callable[[], Coroutine[Any, Any, End | AtRest]]) -> End | AtRest | BaseException:
    return catch(lambda: run(session()))


def catch(function: Callable[[], End | AtRest]) -> End | AtRest | BaseException:
    try:
        return function()
    except Exception as error:
        return error


class Session:
    """A session in a thread of its own, and the client's end of its socket."""

    def __init__(self, runner: Runner, devices: Executor, request_timeout: float) -> None:
        self.devices = Remembering(devices)
        self.client, ours = socket.socketpair()
        self.client.settimeout(10)
        self.channel = SocketChannel(ours)
        self.record = Client(1, Peer(4711, 107, "qemu"), self.channel, Seen(lambda *_: True))
        self._request_timeout = request_timeout
        self._ended: End | AtRest | BaseException | None = None
        self.thread = threading.Thread(target=self._serve, args=(runner,))
        self.thread.start()

    def _serve(self, runner: Runner) -> None:
        self._ended = runner(lambda: serve(self.channel, self.devices, self.record, self._request_timeout))
        self.channel.close()

    def send(self, data: bytes, *fds: int) -> None:
        socket.send_fds(self.client, [data], list(fds))

    def receive(self, size: int) -> bytes:
        return self.client.recv(size, socket.MSG_WAITALL) if size else b""

    def end(self) -> End | AtRest | BaseException | None:
        """Wait for the session to hang up: how it ended."""
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self._ended


RUNNERS = {"asyncio": in_loop("asyncio"), "trio": in_loop("trio"), "thread": in_thread}


@contextlib.contextmanager
def session(runner: Runner, devices: Executor, request_timeout: float = PATIENCE) -> Iterator[Session]:
    """A session that has greeted; at the end the client is gone, and no descriptor more than before is open."""
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    session = Session(runner, devices, request_timeout)
    try:
        assert session.receive(4) == HELLO
        yield session
    finally:
        session.client.close()
        session.end()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
