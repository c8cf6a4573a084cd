"""What names a unit: nothing that comes in a disk's or a file's place has its name, and what does not last says so."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from prhelper.device.emulated import asking
from prhelper.device.emulated.boot import is_of_another_boot, of_this_boot
from prhelper.device.emulated.naming import unit_behind
from prhelper.host import boot

from ....support.programs import require_program

Telling = dict[str, str | None]

ENOUGH = 2000
"""So often a file is made anew until it has an inode number that was given back."""


def name_of(path: Path) -> str:
    fd = os.open(path, os.O_RDWR)
    try:
        return unit_behind(fd)
    finally:
        os.close(fd)


@pytest.fixture
def another_boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    def change() -> None:
        (tmp_path / "boot_id").write_text("another\n")
        monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "boot_id")

    return change


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> Telling:
    """What is told of every file and disk; the tests change it."""
    told: Telling = {"born": "1.5", "generation": "0a", "file_system": "uuid", "disk_sequence": "7"}
    told |= {"world_wide_name": "naa.5", "partition_start": None}
    for question in told:
        monkeypatch.setattr(asking, question, lambda *_, question=question: told[question])
    return told


def test_unit_is_the_file_whatever_its_name_and_however_opened(tmp_path: Path) -> None:
    path, link = tmp_path / "disk", tmp_path / "link"
    path.write_bytes(b"")
    link.hardlink_to(path)
    with path.open("rb") as first, link.open("r+b") as second:
        assert unit_behind(first.fileno()) == unit_behind(second.fileno())
        path.write_bytes(b"more")
        assert unit_behind(first.fileno()) == unit_behind(second.fileno())


def test_file_made_anew_under_an_old_inode_number_is_another_unit(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    names: dict[int, str] = {}
    for _ in range(ENOUGH):
        path.write_bytes(b"")
        inode, name = path.stat().st_ino, name_of(path)
        if inode in names:
            assert name != names[inode]
            return
        names[inode] = name
        path.unlink()
    pytest.skip("this file system does not give inode numbers out again")


@pytest.mark.parametrize("question", ["born", "generation", "file_system"])
def test_file_is_another_unit_if_one_thing_told_of_it_is_another(
    tmp_path: Path, telling: Telling, question: str
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"")
    before = name_of(path)
    assert name_of(path) == before
    telling[question] = "another"
    assert name_of(path) != before


FILES_ACROSS_A_BOOT: dict[str, tuple[Telling, bool]] = {
    "everything": ({}, True),
    "no generation": ({"generation": None}, True),
    "no birth time": ({"born": None}, True),
    "neither": ({"born": None, "generation": None}, False),
    "no file system": ({"file_system": None}, False),
}


@pytest.mark.parametrize("told", FILES_ACROSS_A_BOOT)
def test_file_keeps_its_name_across_a_boot_if_it_can_be_told(
    tmp_path: Path, telling: Telling, another_boot: Callable[[], None], told: str
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"")
    changes, lasts = FILES_ACROSS_A_BOOT[told]
    telling |= changes
    before = name_of(path)
    another_boot()
    assert (name_of(path) == before, is_of_another_boot(before)) == (lasts, not lasts)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The name of a block device of a number, or of another kind."""

    def name(major: int, minor: int, kind: int = stat.S_IFBLK) -> str:
        status = SimpleNamespace(st_mode=kind, st_rdev=os.makedev(major, minor))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fstat", lambda _: status)
            return unit_behind(99)

    return name


def test_disk_with_a_wwid_is_that_under_any_number_and_in_every_boot(
    disk: Callable[[int, int], str], telling: Telling, another_boot: Callable[[], None]
) -> None:
    before = disk(8, 0)
    telling["disk_sequence"] = "8"
    another_boot()
    assert disk(8, 16) == before
    assert not is_of_another_boot(before)
    telling["world_wide_name"] = "naa.6"
    assert disk(8, 0) != before


def test_disk_is_one_unit_by_its_block_device_and_by_its_generic_one(
    disk: Callable[..., str], telling: Telling
) -> None:
    assert disk(8, 0) == disk(21, 3, stat.S_IFCHR)
    telling["world_wide_name"] = None
    assert disk(8, 0) != disk(21, 3, stat.S_IFCHR)


@pytest.mark.parametrize("wwid", ["naa.5", None])
def test_partition_is_known_by_where_it_begins(
    disk: Callable[[int, int], str], telling: Telling, wwid: str | None
) -> None:
    telling |= {"world_wide_name": wwid, "partition_start": "2048"}
    before = disk(8, 1)
    telling["partition_start"] = "4096"
    assert disk(8, 1) != before


def test_disk_without_a_wwid_is_known_for_one_boot_by_its_sequence_number(
    disk: Callable[[int, int], str], telling: Telling, another_boot: Callable[[], None]
) -> None:
    telling["world_wide_name"] = None
    before = disk(8, 0)
    assert disk(8, 0) == before
    telling["disk_sequence"] = "8"
    assert disk(8, 0) != before
    telling["disk_sequence"] = "7"
    another_boot()
    assert disk(8, 0) != before
    assert is_of_another_boot(before)


def test_name_without_a_boot_id_is_of_this_process_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "none")
    name = of_this_boot("disk")
    assert not is_of_another_boot(name)
    monkeypatch.setattr(boot, "RUN", "another")
    assert is_of_another_boot(name)


def test_socket_is_known_for_one_boot() -> None:
    ends = os.pipe()
    try:
        assert " boot " in unit_behind(ends[0])
    finally:
        for end in ends:
            os.close(end)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Attaches a file to one loop device, which is the same each time."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices")
    losetup = require_program("losetup", "mount")
    device = ""

    def attach(name: str) -> Path:
        nonlocal device
        (tmp_path / name).write_bytes(bytes(1 << 20))
        if device:
            subprocess.run([losetup, "--detach", device], check=True)
        command = [losetup, "--show", device or "--find", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no loop devices here: {done.stderr}")
        device = done.stdout.strip()
        return Path(device)

    with ExitStack() as stack:
        stack.callback(lambda: device and subprocess.run([losetup, "--detach", device], check=True))
        yield attach


def test_next_file_on_a_loop_device_is_another_unit(loop: Callable[[str], Path]) -> None:
    before = name_of(loop("first"))
    assert name_of(loop("second")) != before
