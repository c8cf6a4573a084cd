"""Which executor a command gets, by what its descriptor leads to."""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from prhelper.channel import run
from prhelper.device.dispatch import MULTIPATH, NOTHING_TELLS, ON_MULTIPATH, READ_ONLY, SEVERAL_DISKS, Devices
from prhelper.device.execution import Result
from prhelper.device.identity import CannotTellError, DeviceId, Target
from prhelper.device.stack import Stack
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command
from prhelper.scsi.status import Status

from ...support.spc import (
    keys,
    reserve_in,
    reserve_out,
)

OUT = Command(reserve_out(0), keys(0, 0xA))
IN = Command(reserve_in(0))

FROM_DEVICE = Result(Outcome(Status.GOOD, data=b"device"))
FROM_STAND_IN = Result(Outcome(Status.GOOD, data=b"stand-in"), emulated=True)

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


def stack(maps: Iterable[str] = (), disks: Iterable[str] = ()) -> Callable[[DeviceId], Stack]:
    return lambda _: Stack(frozenset(map(Path, maps)), frozenset(map(Path, disks)))


def not_told(_: DeviceId) -> Stack:
    raise CannotTellError


@pytest.mark.parametrize("command", [IN, OUT])
@pytest.mark.parametrize(
    ("stack_below", "reason"),
    [
        (lambda _: None, None),
        (stack(disks=["sda"]), None),
        (stack(), None),
        (stack(maps=["mapped"]), f"{MULTIPATH}: off"),
        (stack(maps=["mpatha"]), f"{ON_MULTIPATH.format('mpatha')}: off"),
        (stack(disks=["sdb", "sda"]), SEVERAL_DISKS.format("sda, sdb")),
        (not_told, NOTHING_TELLS),
    ],
    ids=["a disk", "a volume", "of nothing", "a map", "on a map", "on several", "not told"],
)
def test_out_is_refused_where_it_would_be_wrong_and_in_never(
    monkeypatch: pytest.MonkeyPatch,
    fd: int,
    writable: bool,
    stack_below: object,
    command: Command,
    reason: str | None,
) -> None:
    monkeypatch.setattr(DeviceId, "stack_below", stack_below)
    monkeypatch.setattr(DeviceId, "name", lambda _: "mapped")
    result = run(Devices(Device(), "off").execute(command, Target(fd, MAPPED)))
    os.close(fd)
    expected = None if command is IN else reason if writable else READ_ONLY.reason
    if expected is None:
        assert result is FROM_DEVICE
    else:
        assert result.outcome.status == Status.CHECK_CONDITION
        assert result.trouble == expected


class Maps:
    """What acts on maps, or the reason why it cannot now."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason

    def why_not(self) -> str | None:
        return self.reason

    def on(self, folder: Path) -> StandIn:
        assert folder == Path("mpatha")
        return StandIn()


@pytest.mark.parametrize(
    ("reason", "command", "expected"),
    [
        (None, IN, FROM_STAND_IN),
        (None, OUT, FROM_STAND_IN),
        ("no worker", IN, FROM_DEVICE),
        ("no worker", OUT, f"{ON_MULTIPATH.format('mpatha')}: no worker"),
    ],
)
def test_a_map_gets_what_acts_on_maps_while_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: str | None, command: Command, expected: object
) -> None:
    monkeypatch.setattr(DeviceId, "stack_below", stack(maps=["mpatha"]))
    monkeypatch.setattr(DeviceId, "name", lambda _: "mapped")
    with (tmp_path / "disk").open("w+") as disk:
        result = run(Devices(Device(), Maps(reason)).execute(command, Target(disk.fileno(), MAPPED)))
    assert expected in (result, result.trouble)


@pytest.mark.parametrize(
    ("stack_below", "reason"),
    [
        (stack(maps=["mpatha"], disks=["sda"]), SEVERAL_DISKS.format("mpatha, sda")),
        (stack(maps=["mpatha", "mpathb"]), SEVERAL_DISKS.format("mpatha, mpathb")),
        (stack(disks=["sda", "sdb"]), SEVERAL_DISKS.format("sda, sdb")),
        (not_told, NOTHING_TELLS),
    ],
    ids=["a map and a disk", "maps", "disks", "not told"],
)
def test_what_is_more_than_a_map_goes_to_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stack_below: object, reason: str
) -> None:
    monkeypatch.setattr(DeviceId, "stack_below", stack_below)
    devices = Devices(Device(), Maps(None))
    with (tmp_path / "disk").open("w+") as disk:
        target = Target(disk.fileno(), MAPPED)
        assert run(devices.execute(IN, target)) is FROM_DEVICE
        assert run(devices.execute(OUT, target)).trouble == reason


def test_where_multipath_is_off_a_command_in_does_not_ask_what_is_below(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[DeviceId] = []
    monkeypatch.setattr(DeviceId, "stack_below", lambda device: asked.append(device))
    with (tmp_path / "disk").open("w+") as disk:
        for command in (IN, OUT):
            run(Devices(Device(), "off").execute(command, Target(disk.fileno(), MAPPED)))
    assert asked == [MAPPED]


def test_where_the_kernel_cannot_say_what_it_is_nobody_is_asked() -> None:
    target = Target(-1, None, OSError(errno.ESTALE, "Stale file handle"))
    for devices in (
        Devices(Device(), "off"),
        Devices(Device(), "off", StandIn()),
        Devices(Device(), "off", StandIn(), always=True),
    ):
        for command in (IN, OUT):
            assert run(devices.execute(command, target)).trouble == "fstat: Stale file handle"


@pytest.mark.parametrize("command", [IN, OUT])
def test_a_stand_in_answers_for_all_or_only_where_the_device_cannot(fd: int, writable: bool, command: Command) -> None:
    target = Target(fd, MAPPED)
    always = run(Devices(Device(), "off", StandIn(), always=True).execute(command, target))
    if_missing = run(Devices(Device(), "off", StandIn()).execute(IN, target))
    os.close(fd)
    assert if_missing is FROM_DEVICE
    if command is OUT and not writable:
        assert always.trouble == READ_ONLY.reason
    else:
        assert always is FROM_STAND_IN


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("always", [True, False])
def test_a_stand_in_is_asked_once_and_by_the_method_that_fits(fd: int, always: bool, missing: bool) -> None:
    asked: list[str] = []

    class Judge(StandIn):
        async def execute(self, command: Command, target: Target) -> Result:
            asked.append("execute")
            return await super().execute(command, target)

        async def execute_if_missing(self, command: Command, target: Target, result: Result) -> Result:
            assert (command, target.device, result) == (IN, MAPPED, FROM_DEVICE)
            asked.append("execute_if_missing")
            return FROM_STAND_IN if missing else result

    result = run(Devices(Device(), "off", Judge(), always).execute(IN, Target(fd, MAPPED)))
    os.close(fd)
    assert asked == ["execute" if always else "execute_if_missing"]
    assert result is (FROM_STAND_IN if always or missing else FROM_DEVICE)
