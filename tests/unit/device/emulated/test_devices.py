"""The emulated devices as a session meets them, in each context that it can run in."""

import errno
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from prhelper.channel import OwnedFd, run
from prhelper.device.emulated.devices import EmulatedDevices, NoDevices
from prhelper.device.emulated.storage import Storage
from prhelper.device.emulated.units import Units
from prhelper.device.execution import Execution
from prhelper.device.identity import DeviceId
from prhelper.device.scsi_device import ScsiDevices
from prhelper.host.peer import Peer
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status

from ....support.client import keys, reserve_in, reserve_out

REGISTER = Command(reserve_out(0), keys(0, 0xA))
READ_KEYS = Command(reserve_in(0))
PEER = Peer(os.getpid(), 107, "qemu")

Execute = Coroutine[Any, Any, Execution]
Runner = Callable[[Callable[[], Execute]], Execution]

RUNNERS: dict[str, Runner] = {
    "asyncio": lambda execute: anyio.run(execute, backend="asyncio"),
    "trio": lambda execute: anyio.run(execute, backend="trio"),
    "thread": lambda execute: run(execute()),
}


@pytest.fixture(params=list(RUNNERS.values()), ids=list(RUNNERS))
def runner(request: pytest.FixtureRequest) -> Runner:
    chosen: Runner = request.param
    return chosen


@pytest.fixture(params=[ScsiDevices(1), NoDevices()], ids=["missing", "all"])
def devices(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmulatedDevices]:
    with closing(Storage(tmp_path / "state")) as storage:
        yield EmulatedDevices(Units(storage), "process", request.param, may_ask=True)


def opened(path: Path) -> OwnedFd:
    return OwnedFd(os.open(path, os.O_RDWR))


def test_command_is_carried_out_as_the_clients_nexus_and_its_descriptor_closed(
    runner: Runner, devices: EmulatedDevices, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    identified: list[DeviceId] = []
    for number, command in enumerate((REGISTER, READ_KEYS), 1):
        client, descriptor = devices.for_client(PEER, number), opened(disk)
        execution = runner(lambda: client.execute(command, descriptor, identified.append))  # noqa: B023
        assert (execution.outcome.status, execution.emulated, execution.trouble) == (Status.GOOD, True, None)
        assert descriptor.fileno() == -1
    assert execution.outcome.data[8:] == (0xA).to_bytes(8, "big")
    assert [str(device) for device in identified] == ["no device but a regular file"] * 2


def test_file_system_in_trouble_is_not_emulated(
    runner: Runner, devices: EmulatedDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, descriptor = devices.for_client(PEER, 1), opened(Path("/dev/null"))
    in_trouble, fstat = descriptor.fileno(), os.fstat

    def stale(fd: int) -> os.stat_result:
        if fd == in_trouble:
            raise OSError(errno.ESTALE, "Stale file handle")
        return fstat(fd)

    monkeypatch.setattr(os, "fstat", stale)
    execution = runner(lambda: client.execute(REGISTER, descriptor, lambda _: None))
    assert (execution.emulated, execution.trouble) == (False, "fstat: Stale file handle")
    assert descriptor.fileno() == -1
