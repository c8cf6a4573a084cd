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
from prhelper.device.dispatch import Devices
from prhelper.device.emulated.devices import Emulation
from prhelper.device.emulated.storage import Storage
from prhelper.device.emulated.units import Units
from prhelper.device.execution import Result
from prhelper.device.identity import Target
from prhelper.device.scsi_device import ScsiDevice
from prhelper.host.peer import Peer
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status

from ....support.spc import keys, reserve_in, reserve_out

REGISTER = Command(reserve_out(0), keys(0, 0xA))
READ_KEYS = Command(reserve_in(0))
PEER = Peer(os.getpid(), 107, "qemu")

Execute = Coroutine[Any, Any, Result]
Runner = Callable[[Callable[[], Execute]], Result]

RUNNERS: dict[str, Runner] = {
    "asyncio": lambda execute: anyio.run(execute, backend="asyncio"),
    "trio": lambda execute: anyio.run(execute, backend="trio"),
    "thread": lambda execute: run(execute()),
}


@pytest.fixture(params=list(RUNNERS.values()), ids=list(RUNNERS))
def runner(request: pytest.FixtureRequest) -> Runner:
    chosen: Runner = request.param
    return chosen


@pytest.fixture(params=[False, True], ids=["missing", "all"])
def always(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.param
    return chosen


@pytest.fixture
def emulation(tmp_path: Path) -> Iterator[Emulation]:
    with closing(Storage(tmp_path / "state")) as storage:
        yield Emulation(Units(storage), "process", may_ask=True)


def opened(path: Path) -> OwnedFd:
    return OwnedFd(os.open(path, os.O_RDWR))


def test_commands_are_carried_out_as_the_clients_nexus(
    runner: Runner, emulation: Emulation, always: bool, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    for number, command in enumerate((REGISTER, READ_KEYS), 1):
        devices = Devices(ScsiDevice(1), "off", emulation.for_client(PEER, number), always)
        with opened(disk) as descriptor:
            result = runner(lambda: devices.execute(command, Target.of(descriptor.fileno())))  # noqa: B023
        assert (result.outcome.status, result.emulated, result.trouble) == (Status.GOOD, True, None)
    assert result.outcome.data[8:] == (0xA).to_bytes(8, "big")


def test_a_command_that_comes_when_another_process_has_the_units_is_to_be_sent_again(
    runner: Runner, emulation: Emulation, always: bool, tmp_path: Path
) -> None:
    (tmp_path / "disk").write_bytes(b"")
    assert emulation.units.leave_unused() is not None
    devices = Devices(ScsiDevice(1), "off", emulation.for_client(PEER, 1), always)
    with opened(tmp_path / "disk") as descriptor:
        result = runner(lambda: devices.execute(REGISTER, Target.of(descriptor.fileno())))
    assert result.outcome.status == Status.BUSY
    assert "--replace" in (result.trouble or "")


def test_file_system_in_trouble_is_not_emulated(runner: Runner, emulation: Emulation, always: bool) -> None:
    devices = Devices(ScsiDevice(1), "off", emulation.for_client(PEER, 1), always)
    target = Target(-1, None, OSError(errno.ESTALE, "Stale file handle"))
    result = runner(lambda: devices.execute(REGISTER, target))
    assert (result.emulated, result.trouble) == (False, "fstat: Stale file handle")


def test_unit_that_cannot_be_named_is_not_emulated(
    runner: Runner, emulation: Emulation, always: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> str:
        raise OSError(errno.ESTALE, "Stale file handle")

    devices = Devices(ScsiDevice(1), "off", emulation.for_client(PEER, 1), always)
    monkeypatch.setattr("prhelper.device.emulated.devices.unit_behind", fail)
    with opened(Path("/dev/null")) as descriptor:
        result = runner(lambda: devices.execute(REGISTER, Target.of(descriptor.fileno())))
    assert result.outcome.status == Status.CHECK_CONDITION
    assert not result.emulated
    assert result.trouble is not None


@pytest.mark.parametrize(("rule", "refused_by"), [("process", None), ("uid", "uid 107 has"), ("host", "host has")])
def test_a_migration_between_two_processes_is_refused_with_the_reason_where_they_are_one_initiator(
    emulation: Emulation, caplog: pytest.LogCaptureFixture, tmp_path: Path, rule: str, refused_by: str | None
) -> None:
    emulation.rule = rule
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    statuses = []
    for number, pid in enumerate((os.getpid(), os.getppid()), 1):
        unit = emulation.for_client(Peer(pid, 107, "qemu"), number)
        with opened(disk) as descriptor:
            target = Target.of(descriptor.fileno())
            statuses.append(run(unit.execute(REGISTER, target)).outcome.status)
    assert statuses == [Status.GOOD, Status.RESERVATION_CONFLICT if refused_by else Status.GOOD]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == bool(refused_by)
    assert all(f"{refused_by} registered key 0xa already. If a migration" in line for line in said)
    assert all(f"--emulate-nexus={rule} both" in line for line in said)


@pytest.mark.parametrize("parameter_list", [keys(0, 0xB), keys(0xC, 0xA), b""])
def test_another_refused_registration_is_no_migration(
    emulation: Emulation, caplog: pytest.LogCaptureFixture, tmp_path: Path, parameter_list: bytes
) -> None:
    emulation.rule = "host"
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    unit = emulation.for_client(PEER, 1)
    with opened(disk) as descriptor:
        target = Target.of(descriptor.fileno())
        for command in (REGISTER, Command(reserve_out(0), parameter_list)):
            result = run(unit.execute(command, target))
    assert result.outcome.status != Status.GOOD
    assert not caplog.records
