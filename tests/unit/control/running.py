"""A server with a control socket, in the test's process."""

from __future__ import annotations

import os
import stat
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal

from prhelper.channel.socket_file import listen_at
from prhelper.control.facts import Facts, Multipath
from prhelper.control.reaching import AskMultipathd
from prhelper.device.execution import Result
from prhelper.device.identity import DeviceId
from prhelper.explaining import make
from prhelper.host.machine_name import MachineName
from prhelper.logs.handler import LogHandler
from prhelper.logs.sinks import FileSink
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command

from ...support.helper import wait_until
from ...support.spc import keys, reserve_out
from ...support.varlink import Varlink
from ..serving.running import Running

FACTS = Facts("1.2.3", "helper", 1000.0, "/run/x.sock", True, None, 99, 60.0, 10.0, 30.0, Multipath("auto", "here"))


class Controlled:
    """Everything that the daemon has, but for the process. running: the clients' side, with its device."""

    def __init__(self, directory: Path, portal: BlockingPortal, ask: AskMultipathd | None = None) -> None:
        self.path = directory / "control"
        self.running = Running(directory / "socket", portal)
        self.log = LogHandler(FileSink(2), own_choice=False)
        running = self.running
        self.clients = running.server._clients
        self.control = make(listen_at(self.path), FACTS, running.server, self.clients, running.threads, self.log, ask)
        running.server.start()
        running.accept()
        self._serving: Future[None] = portal.start_task_soon(self.control.serve)

    def connect(self) -> Varlink:
        return Varlink(self.path)

    def close(self) -> None:
        """Stop all of it, and check that nothing is left."""
        running = self.running
        running.device.let_go.set()
        self._serving.cancel()
        assert running.drain(10) == []
        running.server.hang_up(self.control.listener)
        assert running.threads.stop(10)
        running.server.close()
        running.listener.close()
        self.control.close()
        wait_until(lambda: self.clients.seen.watchers.all == (), what="the last watcher to be forgotten")


DISK = DeviceId(stat.S_IFBLK, os.makedev(7, 9999))
REGISTER = Command(reserve_out(0), keys(0, 0xA1))


def remember(controlled: Controlled, command: Command = REGISTER, device: DeviceId | None = DISK, **more: Any) -> None:
    """As if a client's command had ended."""
    (client,) = controlled.clients
    client.machine_name = MachineName("db1", False)
    client.remember(client.end(command, device, Result(Outcome(0), 0.5, **more)))


def check_served(controlled: Controlled) -> None:
    with controlled.connect() as other:
        assert other.call("GetStatus")["version"] == "1.2.3"
