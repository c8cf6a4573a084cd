"""What goes wrong on the way to the unit or in it arrives as the status and sense that a guest can act on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.nexus import Nexus
from tests.support.spc import CHECK_CONDITION, Out, keys, reserve_in, reserve_out, sense_code

from .. import helper, lio
from ..initiators import generic, straight, through_helper
from ..sg_io import sg_io
from ..trace import Trace

READ_KEYS = reserve_in(0)


@pytest.mark.parametrize("descriptor_format", [False, True], ids=["fixed format", "descriptor format"])
@pytest.mark.parametrize("node", ["sd", "sg"])
def test_sense_of_a_unit_without_reservations_comes_through_verbatim(
    scsi_debug: Path, helper_socket: Path, node: str, descriptor_format: bool
) -> None:
    device = scsi_debug if node == "sd" else generic(scsi_debug)
    with ExitStack() as stack, sense_format(descriptor_format):
        ours, kernels = through_helper(device, helper_socket, stack), straight(device, stack)
        for got, wanted in (
            (ours.read(0), kernels.read(0)),
            (ours.write(Out.REGISTER, new=1), kernels.write(Out.REGISTER, new=1)),
        ):
            assert got.status == wanted.status == CHECK_CONDITION
            assert got.sense == wanted.sense.ljust(96, b"\0")
            assert got.sense[0] == (0x72 if descriptor_format else 0x70)
            assert sense_code(got.sense) == (5, 0x20, 0)
            assert got.payload == b""


def test_lost_transport_is_told_as_nexus_loss_and_the_next_command_gets_through(nexuses: list[Nexus]) -> None:
    with lio.offline(0):
        for answer in (nexuses[0].read(0), nexuses[0].write(Out.REGISTER, new=1)):
            assert answer.status == CHECK_CONDITION
            assert sense_code(answer.sense) == (0x0B, 0x29, 0x07)
            assert answer.payload == b""
    assert sense_code(nexuses[0].read(0).sense) == (6, 0x29, 0x07)  # the unit's own word of it
    assert nexuses[0].keys() == []


def test_device_set_offline_is_told_as_internal_target_failure(devices: list[Path], nexuses: list[Nexus]) -> None:
    state = Path(f"/sys/block/{devices[0].name}/device/state")
    state.write_text("offline\n")
    try:
        answer = nexuses[0].read(0)
    finally:
        state.write_text("running\n")
    assert (answer.status, sense_code(answer.sense)) == (CHECK_CONDITION, (0x04, 0x44, 0x00))
    assert nexuses[0].keys() == []


def test_reserve_out_on_a_read_only_descriptor_never_reaches_the_device(
    devices: list[Path], helper_socket: Path
) -> None:
    fd = os.open(devices[0], os.O_RDONLY | os.O_NONBLOCK)
    try:
        with Client(helper_socket) as client, Trace() as trace:
            answer = client.command(fd, reserve_out(0), keys())
            assert (answer.status, sense_code(answer.sense)) == (CHECK_CONDITION, (5, 0x20, 0))
            assert trace.started() == 0
            read = client.command(fd, READ_KEYS)
            assert (read.status, read.payload) == (0, sg_io(fd, READ_KEYS, allocation=8192).payload)
    finally:
        os.close(fd)


@pytest.mark.parametrize("node", ["sd", "sg"])
def test_one_request_is_one_command_on_the_device(devices: list[Path], helper_socket: Path, node: str) -> None:
    device = devices[0] if node == "sd" else generic(devices[0])
    with ExitStack() as stack:
        nexus = through_helper(device, helper_socket, stack)
        with Trace() as trace:
            nexus.write(Out.REGISTER, new=1)
            assert trace.started("PERSISTENT_RESERVE_OUT") == 1
            assert trace.started("PERSISTENT_RESERVE_IN") == 0
            nexus.read(0)
            assert trace.started("PERSISTENT_RESERVE_OUT") == 1
            assert trace.started("PERSISTENT_RESERVE_IN") == 1


def test_device_is_not_held_open_once_its_command_is_answered(devices: list[Path], tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    with helper.running(socket) as process, ExitStack() as stack:
        for device in devices:
            for _ in range(10):
                through_helper(device, socket, stack).keys()
        held = set()
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                held.add(str(descriptor.readlink()))
        assert held.isdisjoint(map(str, devices))


@contextmanager
def sense_format(descriptor: bool) -> Iterator[None]:
    """Choose the format of the sense data that scsi_debug makes."""
    parameter = Path("/sys/bus/pseudo/drivers/scsi_debug/dsense")
    parameter.write_text(str(int(descriptor)))
    try:
        yield
    finally:
        parameter.write_text("0")
