"""Which unit a device is, and by which nexuses it is reached, in a sysfs made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from prhelper.device import identity
from prhelper.device.identity import DeviceId
from prhelper.device.unit import Unit, disk_of, unit_of

from ...support import two_paths
from ...support.two_paths import FIRST, MAP, SDA, SDA1, SDB, SECOND, SG0, VOLUME, WWID


@pytest.fixture(autouse=True)
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(identity, "_SYS_DEV", two_paths.make(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("device", "addresses"),
    [
        (SDA, {FIRST}),
        (SDA1, {FIRST}),
        (SG0, {FIRST}),
        (SDB, {SECOND}),
        (MAP, {FIRST, SECOND}),
        (VOLUME, {FIRST, SECOND}),
    ],
)
def test_every_node_leads_to_the_unit_by_the_nexuses_below_it(device: DeviceId, addresses: set[str]) -> None:
    assert device.unit() == Unit(WWID, frozenset(addresses))


@pytest.mark.parametrize(("device", "disk"), [(SDA, FIRST), (SDA1, FIRST), (SG0, FIRST), (SDB, SECOND), (MAP, "dm-0")])
def test_nodes_of_one_disk_are_known_by_its_address(device: DeviceId, disk: str) -> None:
    folder = device.folder()
    assert folder is not None
    assert disk_of(folder) == disk


def test_device_on_two_units_has_the_nexuses_of_both_and_no_wwid(sysfs: Path) -> None:
    both = sysfs / "both"
    (both / "slaves").mkdir(parents=True)
    for number in ("8:0", "8:16"):
        (both / "slaves" / number).symlink_to(sysfs / "dev/block" / number)
    assert unit_of(both) == Unit(None, frozenset({FIRST, SECOND}))


def test_disk_without_an_address_is_known_by_its_name_by_a_partition_as_well(sysfs: Path) -> None:
    part = sysfs / "nvme0n1/nvme0n1p1"
    part.mkdir(parents=True)
    (part / "partition").write_text("1\n")
    (part.parent / "device").symlink_to("../nvme0")
    assert unit_of(part) == unit_of(part.parent) == Unit(None, frozenset({"nvme0n1"}))


def test_without_sysfs_the_number_is_all(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SYS_DEV", sysfs / "nothing")
    assert SDA.unit() == Unit(None, frozenset({"8:0"}))
