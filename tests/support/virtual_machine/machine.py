"""One QEMU with pr-manager-helpers and scsi-block disks, driven by the test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .qtest import Qtest
from .virtio_scsi import Adapter, Answer


@dataclass(frozen=True)
class Program:
    """How to call QEMU's emulator, and what it needs in its environment.

    still: how to keep its processor from running. Debian 12 ships QEMU without qtest's accelerator; without that, no
        guest is migrated.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    still: Sequence[str] = ("-accel", "qtest")


@dataclass(frozen=True)
class Disk:
    """A disk as one host sees it, and the socket of that host's helper."""

    device: Path
    helper: Path


class VirtualMachine:
    """One QEMU, to be killed. The first of a guest is started with `incoming` False, the others wait for it.

    options: for every disk.  user: what process QEMU is to be of.
    return_path: whether a source hears that its destination failed.
    """

    def __init__(
        self,
        program: Program,
        disks: Sequence[Disk],
        log: Path,
        *,
        incoming: bool,
        machine: str = "pc",
        options: str = "",
        user: int | None = None,
        return_path: bool = True,
    ) -> None:
        self._log = log
        sockets = [socket.socketpair() for _ in range(2)]
        (bus, bus_of_qemu), (monitor, monitor_of_qemu) = sockets
        inherited = [bus_of_qemu.fileno(), monitor_of_qemu.fileno()]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *program.command,
                    *("-machine", machine, *program.still, "-m", "16", "-nodefaults", "-display", "none"),
                    *("-chardev", f"socket,id=qtest,fd={inherited[0]}", "-qtest", "chardev:qtest"),
                    *("-qtest-log", "/dev/null"),
                    *("-chardev", f"socket,id=monitor,fd={inherited[1]}", "-qmp", "chardev:monitor"),
                    *("-device", "virtio-scsi-pci,disable-legacy=off,disable-modern=on"),
                    *(word for number, disk in enumerate(disks) for word in attached(number, disk, options)),
                    *(("-incoming", "defer") if incoming else ()),
                ],
                env={**os.environ, **program.environment},
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user,
            )
        bus_of_qemu.close()
        monitor_of_qemu.close()
        self._incoming = incoming
        self._return_path = return_path
        self._monitor = monitor
        self._answers = monitor.makefile("r")
        self._bus = Qtest(bus)
        self._adapter = Adapter(self._bus)
        self._events: list[dict[str, Any]] = []

    def get_ready(self) -> None:
        """Wait until it has started. EOFError says why it did not."""
        self._receive()  # the greeting
        self.monitor("qmp_capabilities")
        self.monitor(
            "migrate-set-capabilities",
            capabilities=[
                {"capability": "events", "state": True},
                {"capability": "return-path", "state": self._return_path},
            ],
        )
        if not self._incoming:
            self._adapter.start()

    def execute(self, cdb: bytes, data: bytes = b"", allocation: int = 0, disk: int = 0) -> Answer:
        """Carry out a command of the guest's."""
        return self._adapter.execute(disk, cdb[:CDB_SIZE], data, allocation)

    def migrate_to(self, destination: VirtualMachine) -> bool:
        """Migrate: whether it came to its end, as far as this side hears."""
        # An abstract socket, so that they may be of two users.
        name = f"migration to {destination._process.pid}"
        address = {"transport": "socket", "type": "unix", "path": name, "abstract": True}
        channels = [{"channel-type": "main", "addr": address}]
        destination.monitor("migrate-incoming", channels=channels)
        self.monitor("migrate", channels=channels)
        return self.migrated()

    def migrated(self) -> bool:
        """Wait for the migration under way to end: whether well, as this side sees it."""
        while (event := self._next_event("MIGRATION"))["status"] not in ("completed", "failed"):
            pass
        return bool(event["status"] == "completed")

    def monitor(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command."""
        self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "event" in (message := self._receive()):
            self._events.append(message)
        assert "return" in message, message
        return message["return"]

    def status_changes(self) -> list[dict[str, Any]]:
        """What it has said of connections to helpers that were lost or made since its start."""
        self.monitor("query-pr-managers")
        return [event["data"] for event in self._events if event["event"] == "PR_MANAGER_STATUS_CHANGED"]

    def ended(self) -> bool:
        """Whether it ended, as a destination does that failed; waits for that a while."""
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            return False
        return True

    def said(self) -> str:
        """What it wrote on standard error."""
        return self._log.read_text(errors="replace")

    def _next_event(self, name: str) -> dict[str, Any]:
        while True:
            message = self._events.pop(0) if self._events else self._receive()
            if message.get("event") == name:
                return dict(message.get("data", {}))

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._answers.readline()
        except ConnectionResetError:
            line = ""
        if not line:
            raise EOFError(f"QEMU ended:\n{self.said()}")
        message: dict[str, Any] = json.loads(line)
        return message

    def kill(self) -> None:
        with self._process:
            self._process.kill()
        self._answers.close()
        self._monitor.close()
        self._bus.close()


CDB_SIZE = 10
"""What the standard has; the helper's protocol pads it to 16."""


def attached(number: int, disk: Disk, options: str) -> list[str]:
    """QEMU's options for a disk, which another QEMU has open as well."""
    file = f"file.driver=host_device,file.filename={disk.device},file.pr-manager=helper{number}"
    return [
        *("-object", f"pr-manager-helper,id=helper{number},path={disk.helper}"),
        *("-blockdev", f"node-name=disk{number},driver=raw,file.locking=off,{file}"),
        *("-device", f"scsi-block,drive=disk{number},scsi-id={number},share-rw=on{options}"),
    ]
