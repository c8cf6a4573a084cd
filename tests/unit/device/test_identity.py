"""What a descriptor is of, as sysfs and procfs tell it, and what is said when they do not."""

import os
import stat
from pathlib import Path

import pytest

from prhelper.device import identity
from prhelper.device.identity import CannotTellError, DeviceId

SDA = DeviceId(stat.S_IFBLK, os.makedev(8, 0))
MAPPED = DeviceId(stat.S_IFBLK, os.makedev(253, 7))
NULL = DeviceId(stat.S_IFCHR, os.makedev(1, 3))


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sysfs with one disk and one device of the device mapper."""
    for number, name in (("8:0", "sda"), ("253:7", "dm-7")):
        (tmp_path / "devices" / name).mkdir(parents=True)
        (tmp_path / "dev/block").mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev/block" / number).symlink_to(tmp_path / "devices" / name)
    (tmp_path / "devices/dm-7/dm").mkdir()
    (tmp_path / "devices/dm-7/dm/name").write_text("mpatha\n")
    monkeypatch.setattr(identity, "_SYS_DEV", tmp_path / "dev")
    monkeypatch.setattr(identity, "_PROC_DEVICES", tmp_path / "proc-devices")
    return tmp_path


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (SDA, "device 8:0 (sda)"),
        (MAPPED, "device 253:7 (mpatha)"),
        (DeviceId(stat.S_IFBLK, os.makedev(9, 9)), "device 9:9 (block)"),
        (DeviceId(stat.S_IFREG, 0), "no device but a regular file"),
        (DeviceId(stat.S_IFSOCK, 0), "no device but a socket"),
    ],
)
def test_device_reads_as_number_and_name(sysfs: Path, device: DeviceId, text: str) -> None:
    assert sysfs.exists()
    assert str(device) == text


@pytest.mark.parametrize(("device", "expected"), [(SDA, False), (MAPPED, True), (NULL, False)])
def test_device_mapper_is_told_by_sysfs(sysfs: Path, device: DeviceId, expected: bool) -> None:
    assert sysfs.exists()
    assert device.is_device_mapper() is expected


@pytest.mark.parametrize(("device", "expected"), [(SDA, False), (MAPPED, True)])
def test_device_mapper_is_told_by_procfs_where_there_is_no_sysfs(
    sysfs: Path, device: DeviceId, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", sysfs / "nothing")
    (sysfs / "proc-devices").write_text("Block devices:\n  8 sd\n253 device-mapper\n")
    assert device.is_device_mapper() is expected


def test_where_nothing_tells_it_is_not_guessed(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", sysfs / "nothing")
    with pytest.raises(CannotTellError):
        MAPPED.is_device_mapper()


def test_descriptor_is_asked_for_its_type_and_number() -> None:
    fd = os.open("/dev/null", os.O_RDONLY)
    try:
        assert DeviceId.of(fd) == NULL
    finally:
        os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        DeviceId.of(-1)
