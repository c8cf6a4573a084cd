"""With --emulate: the unit by LIO still answers for itself, and what has no reservations gets them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .. import helper
from ..initiators import through_helper
from ..modules import modprobe
from ..persistent import GOOD, RESERVATION_CONFLICT, Holder, Nexus, Out

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
    assert second.write(Out.RESERVE, key=0xB, kind=5).status == RESERVATION_CONFLICT
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
