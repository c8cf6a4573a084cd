"""What lies below a device, in a sysfs made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from prhelper.device.stack import name_of, stack_of, whole_of
from prhelper.device.unit import unit_of


class Sysfs:
    """A folder with devices, as sysfs has them: each below `devices`, `slaves` made of links."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def disk(self, name: str, sectors: int = 1000) -> Path:
        folder = self._root / name
        folder.mkdir()
        (folder / "slaves").mkdir()
        (folder / "size").write_text(f"{sectors}\n")
        return folder

    def partition(self, disk: Path, sectors: int = 500) -> Path:
        folder = disk / f"{disk.name}1"
        folder.mkdir()
        (folder / "partition").write_text("1\n")
        (folder / "size").write_text(f"{sectors}\n")
        return folder

    def mapped(self, name: str, uuid: str, *slaves: Path, sectors: int = 1000) -> Path:
        folder = self.disk(name, sectors)
        (folder / "dm").mkdir()
        (folder / "dm/uuid").write_text(f"{uuid}\n")
        (folder / "dm/name").write_text(f"my-{name}\n")
        for slave in slaves:
            (folder / "slaves" / slave.name).symlink_to(slave)
        return folder


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def names(stack: tuple[frozenset[Path], frozenset[Path]]) -> tuple[list[str], list[str]]:
    maps, disks = stack
    return sorted(folder.name for folder in maps), sorted(folder.name for folder in disks)


def test_a_disk_is_its_own_stack_and_a_partition_its_disks(sysfs: Sysfs) -> None:
    sda = sysfs.disk("sda")
    assert names(stack_of(sda)) == ([], ["sda"])
    assert names(stack_of(sysfs.partition(sda))) == ([], ["sda"])


def test_a_multipath_map_is_not_walked_into(sysfs: Sysfs) -> None:
    paths = sysfs.disk("sda"), sysfs.disk("sdb")
    multipath = sysfs.mapped("dm-0", "mpath-3600", *paths)
    assert names(stack_of(multipath)) == (["dm-0"], [])
    volume = sysfs.mapped("dm-1", "LVM-abc", multipath, sectors=10)
    assert names(stack_of(volume)) == (["dm-0"], [])
    assert names(stack_of(sysfs.mapped("dm-2", "", volume))) == (["dm-0"], [])


def test_partitions_made_on_a_multipath_map_are_no_maps(sysfs: Sysfs) -> None:
    multipath = sysfs.mapped("dm-0", "mpath-3600", sysfs.disk("sda"))
    assert names(stack_of(sysfs.mapped("dm-1", "part1-mpath-3600", multipath))) == (["dm-0"], [])


def test_a_volume_on_several_disks_reaches_each_of_them_once(sysfs: Sysfs) -> None:
    sda, sdb = sysfs.disk("sda"), sysfs.disk("sdb")
    assert names(stack_of(sysfs.mapped("dm-0", "LVM-abc", sysfs.partition(sda), sda, sdb))) == ([], ["sda", "sdb"])


def test_a_device_made_of_nothing_reaches_no_disk(sysfs: Sysfs) -> None:
    assert names(stack_of(sysfs.mapped("dm-0", ""))) == ([], [])


def test_a_device_says_what_it_is_only_a_part_of(sysfs: Sysfs) -> None:
    sda, sdb = sysfs.disk("sda"), sysfs.disk("sdb")
    multipath = sysfs.mapped("dm-0", "mpath-3600", sysfs.disk("sdc"))
    assert whole_of(sda) is None
    assert whole_of(multipath) is None
    assert whole_of(sysfs.partition(sda)) == "sda"
    assert whole_of(sysfs.mapped("dm-1", "", sda)) is None
    assert whole_of(sysfs.mapped("dm-2", "LVM-abc", sda, sectors=10)) == "sda"
    assert whole_of(sysfs.mapped("dm-3", "LVM-def", multipath, sectors=10)) == "my-dm-0"
    assert whole_of(sysfs.mapped("dm-4", "LVM-ghi", sda, sdb, sectors=2000)) is None
    assert whole_of(sysfs.mapped("dm-5", "")) is None


def test_a_map_has_the_name_it_was_given_and_a_disk_the_kernels(sysfs: Sysfs) -> None:
    assert name_of(sysfs.disk("sda")) == "sda"
    assert name_of(sysfs.mapped("dm-0", "")) == "my-dm-0"


def test_name_and_uuid_may_be_any_bytes(sysfs: Sysfs) -> None:
    folder = sysfs.mapped("dm-0", "")
    (folder / "dm/name").write_bytes(b"disk \xe4\xff\n")
    (folder / "dm/uuid").write_bytes(b"mpath-\xe4\xff\n")
    assert name_of(folder) == r"disk \xe4\xff"
    assert names(stack_of(folder)) == (["dm-0"], [])
    assert unit_of(folder).wwid == r"\xe4\xff"
