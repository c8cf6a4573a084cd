"""What sysfs and udev tell of devices, laid out as they lay it out, and what is made of it."""

import os
from pathlib import Path

import pytest

from prhelper.device.emulated import asking

DISK, PARTITION, LOOP, MAPPED, GENERIC = (os.makedev(*number) for number in ((8, 0), (8, 1), (7, 0), (253, 3), (21, 0)))

FILES = {
    "block/8:0/device/wwid": "naa.5000c500a1b2c3d4",
    "block/8:0/diskseq": "12",
    "block/8:0/part1/partition": "1",
    "block/8:0/part1/start": "2048",
    "block/7:0/diskseq": "13",
    "block/253:3/dm/uuid": "LVM-abc",
    "block/253:3/diskseq": "14",
    "char/21:0/device/wwid": "naa.5000c500a1b2c3d4",
}


@pytest.fixture(autouse=True)
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in FILES.items():
        path = tmp_path / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    (tmp_path / "dev/block/8:1").symlink_to("8:0/part1")
    monkeypatch.setattr(asking, "_SYS_DEV", tmp_path / "dev")
    monkeypatch.setattr(asking, "_UDEV_DATA", tmp_path / "udev")


WWIDS: dict[str, tuple[str, int, str | None, str | None]] = {
    "SCSI disk": ("block", DISK, "12", "naa.5000c500a1b2c3d4"),
    "its partition": ("block", PARTITION, "12", "naa.5000c500a1b2c3d4"),
    "new disk under its number": ("block", DISK, "11", None),
    "kernel without sequence numbers": ("block", DISK, None, "naa.5000c500a1b2c3d4"),
    "device mapper": ("block", MAPPED, "14", "LVM-abc"),
    "loop device": ("block", LOOP, "13", None),
    "SCSI generic": ("char", GENERIC, None, "naa.5000c500a1b2c3d4"),
    "device that is gone": ("block", os.makedev(9, 9), "15", None),
}


@pytest.mark.parametrize("what", WWIDS)
def test_wwid_is_what_the_disk_behind_the_number_says(what: str) -> None:
    kind, device, sequence, wwid = WWIDS[what]
    assert asking.world_wide_name(kind, device, sequence) == wwid


def test_only_a_partition_begins_somewhere() -> None:
    assert [asking.partition_start(device) for device in (DISK, PARTITION)] == [None, "2048"]


@pytest.mark.parametrize(
    ("by_kernel", "by_udev", "number", "told"),
    [
        ("10" + "ab" * 16, None, 5, "ab" * 16 + " 0000000000000005"),
        ("10" + "00" * 16, None, 5, "0000000000000005"),
        (None, "E:ID_MODEL=x\nE:ID_FS_UUID=ABAB-ABAB\n", 0x801, "abababab"),
        (None, None, -1, "f" * 16),
        (None, None, 0x801, None),
        (None, None, 0, None),
    ],
    ids=["kernel", "no UUID", "udev", "id", "id that is the device's number", "nothing"],
)
def test_file_system_is_known_by_uuid_and_id(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_kernel: str | None,
    by_udev: str | None,
    number: int,
    told: str | None,
) -> None:
    monkeypatch.setattr(asking, "_ioctl", lambda *_: by_kernel)
    monkeypatch.setattr(asking, "_file_system_id", lambda _: number & 2**64 - 1)
    (tmp_path / "udev").mkdir()
    if by_udev is not None:
        (tmp_path / "udev/b8:1").write_text(by_udev)
    assert asking.file_system(-1, PARTITION) == told


@pytest.mark.parametrize(("number", "told"), [(0, None), (5, "0000000000000005")], ids=["FUSE", "btrfs"])
def test_uuid_is_not_believed_without_a_block_device(
    monkeypatch: pytest.MonkeyPatch, number: int, told: str | None
) -> None:
    """A client's own FUSE server answers the ioctl on kernels that do not answer it themselves."""
    monkeypatch.setattr(asking, "_ioctl", lambda *_: "10" + "ab" * 16)
    monkeypatch.setattr(asking, "_file_system_id", lambda _: number)
    assert asking.file_system(-1, os.makedev(0, 57)) == told


def test_file_is_born_once(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    fds = [os.open(path, flags) for flags in (os.O_RDONLY, os.O_RDWR)]
    try:
        (time,) = {asking.born(fd) for fd in fds}
        os.utime(path, (1, 1))
        path.write_bytes(b"more")
        assert {asking.born(fd) for fd in fds} == {time}
    finally:
        for fd in fds:
            os.close(fd)


def test_what_is_no_file_of_a_file_system_is_no_error() -> None:
    ends = os.pipe()
    try:
        assert (asking.generation(ends[0]), asking.disk_sequence(ends[0])) == (None, None)
    finally:
        for end in ends:
            os.close(end)
