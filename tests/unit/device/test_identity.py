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
    """A sysfs with one disk, and a logical volume on half of it."""
    for number, name, sectors in (("8:0", "sda", 1000), ("253:7", "dm-7", 500)):
        folder = tmp_path / "devices" / name
        (folder / "slaves").mkdir(parents=True)
        (folder / "size").write_text(f"{sectors}\n")
        (tmp_path / "dev/block").mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev/block" / number).symlink_to(folder)
    volume = tmp_path / "devices/dm-7"
    (volume / "slaves/sda").symlink_to(tmp_path / "devices/sda")
    (volume / "dm").mkdir()
    (volume / "dm/name").write_text("volume\n")
    (volume / "dm/uuid").write_text("LVM-abc\n")
    monkeypatch.setattr(identity, "_SYS_DEV", tmp_path / "dev")
    monkeypatch.setattr(identity, "_PROC_DEVICES", tmp_path / "proc-devices")
    return tmp_path


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (SDA, "device 8:0 (sda)"),
        (MAPPED, "device 253:7 (volume, a part of sda)"),
        (DeviceId(stat.S_IFBLK, os.makedev(9, 9)), "device 9:9 (block)"),
        (DeviceId(stat.S_IFREG, 0), "no device but a regular file"),
        (DeviceId(stat.S_IFSOCK, 0), "no device but a socket"),
    ],
)
@pytest.mark.usefixtures("sysfs")
def test_device_reads_as_number_and_name(device: DeviceId, text: str) -> None:
    assert device.in_words() == text


@pytest.mark.parametrize(("device", "disks"), [(SDA, None), (MAPPED, {"sda"}), (NULL, None)])
@pytest.mark.usefixtures("sysfs")
def test_what_the_device_mapper_made_is_told_by_sysfs(device: DeviceId, disks: set[str] | None) -> None:
    stack = device.stack_below()
    assert (stack and {disk.name for disk in stack.disks}) == disks


def test_without_sysfs_procfs_tells_only_that_the_device_mapper_made_it(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", sysfs / "nothing")
    (sysfs / "proc-devices").write_text("Block devices:\n  8 sd\n253 device-mapper\n259 blkext\n")
    assert DeviceId(stat.S_IFBLK, os.makedev(259, 0)).stack_below() is None
    with pytest.raises(CannotTellError):
        MAPPED.stack_below()


def test_where_nothing_tells_it_is_not_guessed(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", sysfs / "nothing")
    with pytest.raises(CannotTellError):
        MAPPED.stack_below()


def test_a_scsi_disk_is_known_by_its_number_without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceId, "_sysfs", lambda _: pytest.fail("it looked"))
    for major in (8, 65, 71, 128, 135):
        assert DeviceId(stat.S_IFBLK, os.makedev(major, 3)).stack_below() is None


def test_what_a_device_mapper_number_leads_to_is_looked_at_afresh(sysfs: Path) -> None:
    volume = sysfs / "devices/dm-7"
    assert MAPPED.stack_below() is not None
    (volume / "slaves/sda").unlink()
    stack = MAPPED.stack_below()
    assert stack is not None
    assert not stack.disks
    (volume / "dm").rename(volume / "another-driver")
    assert MAPPED.stack_below() is None


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
