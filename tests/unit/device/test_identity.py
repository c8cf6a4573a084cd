"""What a descriptor is of, as sysfs and procfs tell it, and what is said when they do not."""

import errno
import os
import stat
from pathlib import Path

import pytest

from prhelper.device import identity
from prhelper.device.identity import CannotTellError, DeviceId, Target

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
@pytest.mark.usefixtures("sysfs")
def test_device_reads_as_number_and_name(device: DeviceId, text: str) -> None:
    assert device.in_words() == text


@pytest.mark.parametrize(("device", "expected"), [(SDA, False), (MAPPED, True), (NULL, False)])
@pytest.mark.usefixtures("sysfs")
def test_device_mapper_is_told_by_sysfs(device: DeviceId, expected: bool) -> None:
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


def test_a_scsi_disk_is_known_by_its_number_without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceId, "_sysfs", lambda _: pytest.fail("it looked"))
    for major in (8, 65, 71, 128, 135):
        assert not DeviceId(stat.S_IFBLK, os.makedev(major, 3)).is_device_mapper()


def test_what_a_device_mapper_number_leads_to_is_looked_at_afresh(sysfs: Path) -> None:
    assert MAPPED.is_device_mapper()
    (sysfs / "devices/dm-7/dm/name").unlink()
    (sysfs / "devices/dm-7/dm").rmdir()
    assert not MAPPED.is_device_mapper()


@pytest.mark.parametrize(
    ("flags", "writable"),
    [(os.O_RDONLY, False), (os.O_WRONLY, True), (os.O_RDWR, True), (os.O_RDWR | os.O_PATH, False)],
)
def test_descriptor_is_asked_what_it_leads_to(flags: int, writable: bool) -> None:
    fd = os.open("/dev/null", flags)
    try:
        target = Target.of(fd)
        assert (target.device, target.error, target.is_writable()) == (NULL, None, writable)
    finally:
        os.close(fd)


def test_descriptor_of_which_the_kernel_says_nothing_has_its_reason() -> None:
    target = Target.of(-1)
    assert target.device is None
    assert target.error is not None
    assert target.error.errno == errno.EBADF
