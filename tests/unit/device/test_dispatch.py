"""Which executor a command gets, by what its descriptor leads to."""

import errno
import os
import stat
from pathlib import Path

import pytest

from prhelper.channel import run
from prhelper.device.dispatch import MULTIPATH, NOTHING_TELLS, READ_ONLY, Devices
from prhelper.device.execution import Result
from prhelper.device.identity import CannotTellError, DeviceId, Target
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status

from ...support.spc import keys, reserve_in, reserve_out

OUT = Command(reserve_out(0), keys(0, 0xA))
IN = Command(reserve_in(0))

FROM_DEVICE = Result(Outcome(Status.GOOD, data=b"device"))
FROM_STAND_IN = Result(Outcome(Status.GOOD, data=b"stand-in"), emulated=True)

DISK = DeviceId(stat.S_IFBLK, os.makedev(8, 0))
MAPPED = DeviceId(stat.S_IFBLK, os.makedev(253, 0))


class Device:
    async def execute(self, command: Command, target: Target) -> Result:
        assert command in (IN, OUT)
        assert target.error is None
        return FROM_DEVICE


class StandIn:
    async def execute(self, command: Command, target: Target) -> Result:
        assert command in (IN, OUT)
        assert target.error is None
        return FROM_STAND_IN

    async def execute_if_missing(self, command: Command, target: Target, result: Result) -> Result:
        return result if result is FROM_DEVICE or result.trouble else await self.execute(command, target)


@pytest.fixture(params=["r", "r+"])
def writable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "r+")


@pytest.fixture
def fd(writable: bool, tmp_path: Path) -> int:
    (tmp_path / "disk").touch()
    return os.open(tmp_path / "disk", os.O_RDWR if writable else os.O_RDONLY)


def mapped(_: DeviceId) -> bool:
    return True


def not_told(_: DeviceId) -> bool:
    raise CannotTellError


@pytest.mark.parametrize(
    ("is_device_mapper", "command", "expected"),
    [
        (DeviceId.is_device_mapper, OUT, None),
        (DeviceId.is_device_mapper, IN, None),
        (mapped, OUT, MULTIPATH.reason),
        (mapped, IN, None),
        (not_told, OUT, NOTHING_TELLS.reason),
        (not_told, IN, None),
    ],
)
def test_out_is_refused_where_it_would_be_wrong_and_in_never(
    monkeypatch: pytest.MonkeyPatch,
    fd: int,
    writable: bool,
    is_device_mapper: object,
    command: Command,
    expected: str | None,
) -> None:
    monkeypatch.setattr(DeviceId, "is_device_mapper", is_device_mapper)
    result = run(Devices(Device()).execute(command, Target(fd, DISK)))
    os.close(fd)
    if command is OUT and not writable:
        expected = READ_ONLY.reason
    if expected is None:
        assert result is FROM_DEVICE
    else:
        assert result.outcome.status == Status.CHECK_CONDITION
        assert result.trouble == expected


def test_where_the_kernel_cannot_say_what_it_is_nobody_is_asked() -> None:
    target = Target(-1, None, OSError(errno.ESTALE, "Stale file handle"))
    for devices in (Devices(Device()), Devices(Device(), StandIn()), Devices(Device(), StandIn(), always=True)):
        for command in (IN, OUT):
            assert run(devices.execute(command, target)).trouble == "fstat: Stale file handle"


@pytest.mark.parametrize("command", [IN, OUT])
def test_a_stand_in_answers_for_all_or_only_where_the_device_cannot(fd: int, writable: bool, command: Command) -> None:
    target = Target(fd, MAPPED)
    always = run(Devices(Device(), StandIn(), always=True).execute(command, target))
    if_missing = run(Devices(Device(), StandIn()).execute(IN, target))
    os.close(fd)
    assert if_missing is FROM_DEVICE
    if command is OUT and not writable:
        assert always.trouble == READ_ONLY.reason
    else:
        assert always is FROM_STAND_IN
