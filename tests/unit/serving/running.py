"""A server that runs in the test's process, on a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.lowlevel
from anyio.from_thread import BlockingPortal

from prhelper.channel import UnixListener, current_context, run
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.host.peer import Peer
from prhelper.scheduler.iothread import IOThreads
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.serving.clients import Clients
from prhelper.serving.server import Server

from ...support.client import Client
from ...support.spc import reserve_in

T = TypeVar("T")

Ends = tuple[socket.socket, socket.socket]
"""Of a mailbox."""

FEATURES = bytes(4)
MAX_CLIENTS = 4  # an account, here this process's unit or user, may have half of them


class Device:
    """Answers at once, unless `held`: then once `let_go` is set."""

    def __init__(self) -> None:
        self.held = False
        self.let_go = threading.Event()
        self.entered = threading.Event()
        self.fault: BaseException | None = None
        self.peers: list[tuple[Peer, int]] = []

    def for_client(self, peer: Peer, number: int) -> Device:
        self.peers.append((peer, number))
        return self

    async def execute(self, command: Command, target: Target) -> Result:
        assert target.device is not None
        if self.fault is not None:
            raise self.fault
        if self.held:
            await current_context().call(None, self._block)
        return Result(Outcome(0, data=command.cdb))

    def _block(self) -> None:
        self.entered.set()
        assert self.let_go.wait(20)


class Running:
    """A server on a socket, with an event loop and I/O threads of its own. It accepts no client until told."""

    def __init__(self, path: Path, portal: BlockingPortal) -> None:
        self.path = path
        self.portal = portal
        self.listener = run(UnixListener.bind(path))
        self._accepting: Future[None] = Future()
        self.device = Device()
        self.threads = IOThreads()
        self.server = Server(self.threads, self.device.for_client, Clients(MAX_CLIENTS, MAX_CLIENTS), 10.0)
        self.threads.start()

    def accept(self) -> None:
        """Accept clients from now on."""
        self._accepting = self.portal.start_task_soon(self.server.accept_clients, self.listener)

    def stop_accepting(self) -> None:
        self._accepting.cancel()

    def drain(self, timeout: float) -> list[str]:
        self.stop_accepting()
        return self.portal.call(self.server.drain, self.listener, timeout)

    def close(self) -> None:
        """Stop all of it. No client is in a command that does not end."""
        self.device.let_go.set()
        assert self.drain(10) == []
        assert self.threads.stop(10)
        self.server.close()
        self.listener.close()

    def connect(self, *, negotiate: bool = True) -> Client:
        return Client(self.path, negotiate=negotiate)

    def ask(self, client: Client) -> bytes:
        with Path("/dev/null").open("rb") as null:
            return client.command(null.fileno(), reserve_in(0)).payload


async def beside_others(act: Callable[[], Awaitable[T]], look: Callable[[], int]) -> tuple[T, set[int]]:
    """What comes of something, and what others have seen meanwhile, such as the ping to systemd's watchdog."""
    seen = set()

    async def others() -> None:
        while True:
            seen.add(look())
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as both:
        both.start_soon(others)
        done = await act()
        both.cancel_scope.cancel()
    return done, seen
