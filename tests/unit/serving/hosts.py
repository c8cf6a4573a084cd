"""Clients without connections, and commands that have ended, for tests of what is remembered."""

from __future__ import annotations

import os
import stat

from prhelper.device.execution import Result
from prhelper.device.identity import DeviceId
from prhelper.host.machine_name import MachineName
from prhelper.host.peer import Peer
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction
from prhelper.serving.clients import Client, News
from prhelper.serving.seen import Seen

from ...support.spc import keys, reserve_in, reserve_out

DISK = DeviceId(stat.S_IFBLK, os.makedev(8, 16))
OTHER_DISK = DeviceId(stat.S_IFBLK, os.makedev(8, 32))
FILE = DeviceId(stat.S_IFREG, 0)
GOOD, CONFLICT = 0x00, 0x18
KEY, NEW_KEY = 0xA1, 0xA2


class Host:
    """Clients without connections, and what their commands have shown."""

    def __init__(self, can_be_asked: bool = True) -> None:
        self.connected: list[Client] = []
        self.seen = Seen(lambda peer, _: any(one.peer == peer for one in self.connected), can_be_asked)

    def machine(self, name: str | None, pid: int = 1) -> Client:
        client = Client(pid, Peer(pid, 107, "qemu", "user 107", pid), None, self.seen)  # type: ignore[arg-type]
        client.machine_name = name and MachineName(name, False)  # type: ignore[assignment]
        self.connected.append(client)
        return client


def ended(status: int = GOOD, seconds: float = 0.1, **more: object) -> Result:
    return Result(Outcome(status), seconds, **more)  # type: ignore[arg-type]


def out(action: int, key: int = 0, service_action_key: int = 0) -> Command:
    return Command(reserve_out(action), keys(key, service_action_key))


def remember(client: Client, command: Command, device: DeviceId | None = DISK, result: Result | None = None) -> News:
    return client.remember(client.end(command, device, result or ended())) or News((), None)


def register(client: Client, key: int = KEY, device: DeviceId = DISK, result: Result | None = None) -> News:
    return remember(client, out(OutAction.REGISTER, 0, key), device, result)


def keys_of(host: Host, device: DeviceId = DISK) -> list[int]:
    """The keys that are registered on a device."""
    return [registration.key for registration in dict(host.seen.all())[device].registrations]


READ_RESERVATION, READ_KEYS, REPORT = (Command(reserve_in(action)) for action in (1, 0, 2))
REGISTER = out(OutAction.REGISTER, 0, KEY)
PREEMPT = out(OutAction.PREEMPT, KEY, KEY)
