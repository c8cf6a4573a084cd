"""The device mapper's devices: a reservation goes through one that leads to one disk by one way; else it is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.nexus import Nexus
from tests.support.spc import (
    CHECK_CONDITION,
    GOOD,
    INVALID_OPCODE,
    IO_TERMINATED,
    keys,
    reserve_in,
    reserve_out,
    sense_code,
)

from .. import helper
from ..modules import modprobe
from ..trace import Trace

Make = Callable[..., Path]
"""Makes a device by its table, lines of `start length target arguments`: its node."""


@pytest.fixture
def make() -> Iterator[Make]:
    modprobe("dm_mod")
    modprobe("dm_multipath")
    modprobe("dm_round_robin")
    with ExitStack() as made:

        def make(name: str, *lines: str, uuid: str = "") -> Path:
            options = ["--noudevsync", *(["--uuid", uuid] if uuid else [])]
            subprocess.run(["dmsetup", "create", *options, name], input="\n".join(lines), text=True, check=True)
            made.callback(subprocess.run, ["dmsetup", "remove", "--noudevsync", name], check=True)
            (node,) = (
                file.parts[3] for file in Path("/sys/block").glob("dm-*/dm/name") if file.read_text() == f"{name}\n"
            )
            return Path("/dev") / node

        yield make


def sectors(disk: Path) -> int:
    return int(Path(f"/sys/block/{disk.name}/size").read_text())


def linear(disk: Path, start: int = 0, part: int = 1) -> str:
    return f"{start} {sectors(disk) // part} linear {disk} 0"


class Answers:
    """What a helper of its own answered to REGISTER and READ KEYS on a device, and what it logged."""

    def __init__(self, device: Path, socket: Path, *options: str) -> None:
        fd = os.open(device, os.O_RDWR)
        try:
            with helper.running(socket, *options, stderr=subprocess.PIPE) as process, Client(socket) as client:
                with Trace() as trace:
                    out = client.command(fd, reserve_out(0), keys(0, 1))
                    self.sent = trace.started()
                self.out = out.status, sense_code(out.sense) if out.status == CHECK_CONDITION else None
                self.reads = client.command(fd, reserve_in(0)).status
                process.terminate()
                assert process.stderr is not None
                self.log = process.stderr.read().decode()
        finally:
            os.close(fd)


def test_through_a_volume_on_one_disk_a_registration_reaches_it(
    make: Make, devices: list[Path], nexuses: list[Nexus], tmp_path: Path
) -> None:
    answers = Answers(make("whole", linear(devices[0])), tmp_path / "socket")
    assert (answers.out, answers.reads) == ((GOOD, None), GOOD)
    assert nexuses[1].keys() == [1]
    assert "(whole): PERSISTENT RESERVE OUT REGISTER" in answers.log


def test_a_volume_that_is_a_part_of_a_disk_is_said_to_be_one(
    make: Make, devices: list[Path], nexuses: list[Nexus], tmp_path: Path
) -> None:
    answers = Answers(make("half", linear(devices[0], part=2)), tmp_path / "socket")
    assert answers.out == (GOOD, None)
    assert nexuses[1].keys() == [1]
    assert f"(half, a part of {devices[0].name}): PERSISTENT RESERVE OUT REGISTER" in answers.log


def test_on_a_volume_over_several_disks_it_is_refused_and_reaches_none(
    make: Make, devices: list[Path], nexuses: list[Nexus], tmp_path: Path
) -> None:
    first, second = devices[:2]
    lines = linear(first), linear(second, start=sectors(first))
    answers = Answers(make("both", *lines), tmp_path / "socket")
    assert answers.out == (CHECK_CONDITION, INVALID_OPCODE)
    assert answers.sent == 0
    assert f"it lies on several disks ({first.name}, {second.name})" in answers.log
    assert nexuses[0].keys() == []


def test_without_multipath_a_map_and_what_lies_on_it_is_refused_and_no_path_is_reached(
    make: Make, devices: list[Path], nexuses: list[Nexus], tmp_path: Path
) -> None:
    disk = devices[0]
    table = f"0 {sectors(disk)} multipath 0 0 1 1 round-robin 0 1 1 {disk} 1"
    multipath = make("mpatest", table, uuid="mpath-test")
    volume = make("volume", f"0 100 linear {multipath} 0", uuid="LVM-test")
    for device, reason in ((multipath, "it is a multipath map"), (volume, "it lies on a multipath map (mpatest)")):
        answers = Answers(device, tmp_path / device.name, "--multipath=off")
        assert (answers.out, answers.reads) == ((CHECK_CONDITION, INVALID_OPCODE), GOOD)
        assert answers.sent == 0
        assert reason in answers.log
    assert "(volume, a part of mpatest)" in answers.log
    assert nexuses[0].keys() == []


def test_a_device_made_of_nothing_answers_for_itself(make: Make, tmp_path: Path) -> None:
    answers = Answers(make("broken", "0 1000 error"), tmp_path / "socket")
    assert answers.out == (CHECK_CONDITION, IO_TERMINATED)
    assert "SG_IO: Inappropriate ioctl for device" in answers.log
