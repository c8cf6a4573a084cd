"""With --emulate: the unit by LIO still answers for itself, and what has no reservations gets them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.nexus import Holder, Nexus
from tests.support.spc import CHECK_CONDITION, CONFLICT, GOOD, Out, sense_code

from .. import helper
from ..initiators import through_helper
from ..modules import modprobe
from ..partition import partition_of
from .test_privileges import AS_NOBODY

pytestmark = pytest.mark.skipif("qemu" in "".join(helper.COMMAND[:1]), reason="qemu-pr-helper emulates nothing")


@pytest.fixture(scope="module")
def emulating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a helper that emulates, and takes each connection for an initiator of its own."""
    folder = tmp_path_factory.mktemp("emulating")
    options = ("--emulate", "--emulate-nexus=connection", f"--state-directory={folder}/state")
    with helper.running(folder / "socket", *options):
        yield folder / "socket"


def fail_over(first: Nexus, second: Nexus) -> None:
    assert first.write(Out.REGISTER, new=0xA).status == GOOD
    assert first.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
    assert second.write(Out.REGISTER, new=0xB).status == GOOD
    assert second.write(Out.RESERVE, key=0xB, kind=5).status == CONFLICT
    assert second.write(Out.PREEMPT, key=0xB, new=0xA, kind=5).status == GOOD
    assert (second.keys(), second.reservation()) == ([0xB], Holder(0xB, 5))
    assert second.write(Out.CLEAR, key=0xB).status == GOOD


def test_device_with_reservations_answers_for_itself(
    devices: list[Path], direct: list[Nexus], emulating: Path, stack: ExitStack
) -> None:
    nexus = through_helper(devices[0], emulating, stack)
    assert nexus.write(Out.REGISTER, new=0xA).status == GOOD
    assert nexus.write(Out.RESERVE, key=0xA, kind=3).status == GOOD
    assert (direct[1].keys(), direct[1].reservation()) == ([0xA], Holder(0xA, 3))


def test_scsi_device_without_reservations_gets_them(scsi_debug: Path, emulating: Path, stack: ExitStack) -> None:
    fail_over(*(through_helper(scsi_debug, emulating, stack) for _ in range(2)))


def test_loop_device_gets_them(emulating: Path, stack: ExitStack, tmp_path: Path) -> None:
    modprobe("loop")
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    command = ["losetup", "--find", "--show", str(image)]
    loop = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    stack.callback(subprocess.run, ["losetup", "--detach", str(loop)], check=True)
    fail_over(*(through_helper(loop, emulating, stack) for _ in range(2)))


@pytest.mark.parametrize("partition", [False, True], ids=["disk", "partition"])
def test_device_with_reservations_is_not_emulated_where_the_kernel_lets_nobody_ask_it(
    devices: list[Path], direct: list[Nexus], stack: ExitStack, tmp_path: Path, *, partition: bool
) -> None:
    device = devices[0]
    if partition:
        device = stack.enter_context(partition_of(device, first_sector=2048, sectors=2048))
    helper.let_everybody_run_it()
    state = Path("/run/emulated-by-nobody")
    state.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(state, "nobody")
    options = ("--emulate", f"--state-directory={state}")
    stack.enter_context(helper.running(tmp_path / "socket", *options, under=AS_NOBODY))
    nexus = through_helper(device, tmp_path / "socket", stack)
    answer = nexus.write(Out.REGISTER, new=0xA)
    assert (answer.status, sense_code(answer.sense)) == (CHECK_CONDITION, (0x0B, 0x00, 0x06))
    assert direct[1].keys() == []
