"""check: what a disk answers through a helper; the disk is a library that answers SG_IO (support/fake_device.py)."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.check import disk

from ...support.client import Client
from ...support.fake_device import HANGING, HEALTHY, Answer, FakeDevice
from ...support.helper import Helper
from ...support.spc import CHECK_CONDITION, CONFLICT

BUSY = 0x08


@pytest.fixture
def device(fake_device_library: Path, tmp_path: Path) -> FakeDevice:
    return FakeDevice(fake_device_library, tmp_path)


@pytest.fixture
def helper(tmp_path: Path, device: FakeDevice) -> Iterator[Helper]:
    with Helper(tmp_path, env=device.env, options=["-q"]) as helper:
        Client(helper.socket).close()  # it has started
        yield helper
        device.release()


def sense(key: int, asc: int, ascq: int = 0) -> bytes:
    return bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq]) + bytes(4)


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (Answer(), []),
        (Answer(status=CHECK_CONDITION, sense=sense(5, 0x20)), ["no-reservations"]),
        (Answer(status=CHECK_CONDITION, sense=sense(5, 0x24)), ["no-reservations"]),
        (Answer(status=CHECK_CONDITION, sense=sense(2, 0x04, 0x03)), ["disk-fails"]),
        (Answer(status=CONFLICT), ["disk-fails"]),
        (Answer(status=BUSY), ["disk-fails"]),
        (Answer(host_status=1), ["disk-fails"]),
        (Answer(error=errno.EPERM), ["commands-fail"]),
        (Answer(error=errno.ENOTTY), ["commands-fail"]),
    ],
)
def test_answer_is_told_by_its_cause(helper: Helper, device: FakeDevice, answer: Answer, codes: list[str]) -> None:
    device.set(answer, data=bytes(24))
    assert [each.cause.code for each in disk.ask(HEALTHY, "sdx", helper.socket)] == codes
    assert {0x5E} == {device.last.cdb[0]}, "a command that reads"


def test_disk_that_hangs_is_not_waited_for(helper: Helper, device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "PATIENCE", 3.0)
    device.hold()
    (finding,) = disk.ask(HANGING, "sdx", helper.socket)
    assert finding.cause.code == "disk-hangs"
    assert "it took too long" in finding.seen


def test_unit_attention_is_passed_over(helper: Helper, device: FakeDevice) -> None:
    device.set(Answer(status=CHECK_CONDITION, sense=sense(6, 0x2A, 0x03)))
    (finding,) = disk.ask(HEALTHY, "sdx", helper.socket)
    assert (finding.cause.code, device.commands) == ("disk-fails", 6)


def test_helper_that_is_gone_is_not_the_disks_fault(tmp_path: Path) -> None:
    assert disk.ask(HEALTHY, "sdx", tmp_path / "none") == []


def test_path_to_a_disk_on_a_file_system_that_hangs_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "does_not_answer", lambda path: path == str(tmp_path))
    looked = disk.look(str(tmp_path), "/mnt/disk")
    (finding,) = looked.findings
    assert (finding.cause.code, finding.about, looked.disk) == ("disk-hangs", "/mnt/disk", None)
    assert "the file system does not answer" in finding.seen
