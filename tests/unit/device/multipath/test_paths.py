"""The paths of a map, from a sysfs and a /dev that are made of files."""

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prhelper.device.multipath.paths import OpenMap, paths_of, uuid_of, wwid_of
from prhelper.device.multipath.sysfs import SHORTAGES

from .host import Host


@pytest.fixture(autouse=True)
def null_is_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user has no block device to open, so /dev/null is taken for one."""
    monkeypatch.setattr(stat, "S_ISBLK", stat.S_ISCHR)


def test_map_is_known_by_its_uuid_and_name(host: Host) -> None:
    assert uuid_of(host.map) == "mpath-36001405"
    assert wwid_of("mpath-36001405") == "36001405"
    with OpenMap(host.map) as opened:
        assert opened.name == "mpatha"


def test_paths_are_named_by_their_addresses_and_ordered_by_number(host: Host) -> None:
    with OpenMap(host.map) as opened:
        assert opened.paths.usable == ("2:0:0:0", "3:0:0:0", "10:0:0:0")
        assert opened.unusable == ()
        assert opened.remarks == []
        assert os.fstat(opened.fileno("3:0:0:0")).st_rdev == Path("/dev/null").stat().st_rdev


def test_descriptors_are_closed_with_the_sequence(host: Host) -> None:
    with OpenMap(host.map) as opened:
        descriptors = [opened.fileno(path) for path in opened.paths.usable]
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_path_that_the_kernel_does_not_use_is_missing(host: Host) -> None:
    host.fail("sdb")
    with OpenMap(host.map) as opened:
        assert opened.paths.usable == ("2:0:0:0", "10:0:0:0")
        assert opened.unusable == ("3:0:0:0",)
        assert opened.remarks == []


def test_path_that_comes_back_meanwhile_can_be_used_and_those_that_are_open_stay_what_they_were(host: Host) -> None:
    host.fail("sdb")
    (host.dev / "sdc").unlink()
    with OpenMap(host.map) as opened:
        descriptor = opened.fileno("2:0:0:0")
        host.write_to(host.map / "slaves/sda/diskseq", "2")
        host.fail("sda")
        host.write_to(host.map / "slaves/sdb/device/state", "running")
        assert opened.look_again().usable == ("3:0:0:0",)
        host.write_to(host.map / "slaves/sda/device/state", "running")
        assert opened.look_again().usable == ("2:0:0:0", "3:0:0:0")
        assert (opened.fileno("2:0:0:0"), len(opened.remarks)) == (descriptor, 1)
        assert [(path.disk, path.sequence) for path in opened.seen] == [("sda", "1"), ("sdb", "1"), ("sdc", "1")]


def test_path_that_has_failed_is_usable_again_if_the_kernel_knew_that_it_was_away(host: Host) -> None:
    with OpenMap(host.map) as opened:
        opened.has_failed("2:0:0:0")
        host.fail("sdb")
        opened.has_failed("3:0:0:0")
        host.write_to(host.map / "slaves/sdb/device/state", "running")
        assert opened.look_again().usable == ("3:0:0:0", "10:0:0:0")
        host.fail("sda")
        assert opened.look_again().usable == ("3:0:0:0", "10:0:0:0")
        host.write_to(host.map / "slaves/sda/device/state", "running")
        assert opened.look_again().usable == ("2:0:0:0", "3:0:0:0", "10:0:0:0")


def test_path_whose_node_is_not_there_is_missing_and_the_remedy_is_given(host: Host) -> None:
    (host.dev / "sdb").unlink()
    with OpenMap(host.map) as opened:
        assert opened.unusable == ("3:0:0:0",)
    (remark,) = opened.remarks
    assert "sdb: No such file or directory; prhelper must see the /dev of the host" in remark


@pytest.mark.parametrize("other", ["/dev/zero", "/dev"])
def test_node_of_another_device_is_not_used(host: Host, other: str) -> None:
    (host.dev / "sdb").unlink()
    (host.dev / "sdb").symlink_to(other)
    with OpenMap(host.map) as opened:
        assert opened.unusable == ("3:0:0:0",)
    assert "is another device" in opened.remarks[0]


def test_disk_that_takes_the_place_of_another_has_another_sequence(host: Host) -> None:
    before = {path.address: path.sequence for path in paths_of(host.map)}
    host.write_to(host.map / "slaves/sda/diskseq", "9")
    after = {path.address: path.sequence for path in paths_of(host.map)}
    assert {address for address in before if before[address] != after[address]} == {"2:0:0:0"}


def test_path_that_goes_away_meanwhile_cannot_be_used(host: Host) -> None:
    for file in ("diskseq", "dev", "device/state"):
        (host.map / "slaves/sda" / file).unlink()
    (seen,) = [path for path in paths_of(host.map) if path.disk == "sda"]
    assert not seen.usable


def test_map_without_paths_has_none(host: Host) -> None:
    for slave in (host.map / "slaves").iterdir():
        slave.unlink()
    with OpenMap(host.map) as opened:
        assert opened.paths.usable == ()


def test_map_that_is_going_away_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="uuid"):
        uuid_of(tmp_path)


def without_descriptors(monkeypatch: pytest.MonkeyPatch, error: int, name: str) -> None:
    """No file whose name ends so can be opened any more, for a reason that has nothing to do with it."""

    def refusing(open_it: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(file: Any, *rest: Any, **named: Any) -> Any:
            if str(file).endswith(name):
                raise OSError(error, os.strerror(error))
            return open_it(file, *rest, **named)

        return refuse

    monkeypatch.setattr(os, "open", refusing(os.open))
    monkeypatch.setattr(io, "open", refusing(io.open))


@pytest.mark.parametrize("error", SHORTAGES)
@pytest.mark.parametrize("name", ["/sdb", "sdb/device/state", "sdb/diskseq", "sdb/dev"])
def test_path_is_not_taken_to_be_away_for_want_of_descriptors(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str, error: int
) -> None:
    without_descriptors(monkeypatch, error, name)
    with pytest.raises(OSError, match=os.strerror(error)):
        OpenMap(host.map)


@pytest.mark.parametrize("name", ["/sdb", "sdb/device/state", "sdb/dev"])
def test_path_that_comes_back_meanwhile_is_not_used_for_want_of_descriptors(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    host.fail("sdb")
    with OpenMap(host.map) as opened:
        host.write_to(host.map / "slaves/sdb/device/state", "running")
        with monkeypatch.context() as patch:
            without_descriptors(patch, errno.EMFILE, name)
            assert opened.look_again().usable == ()
        assert opened.look_again().usable == ("2:0:0:0", "10:0:0:0", "3:0:0:0")


def test_path_that_has_failed_is_not_used_where_nothing_tells_that_it_was_away(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenMap(host.map) as opened:
        with monkeypatch.context() as patch:
            without_descriptors(patch, errno.EMFILE, "state")
            opened.has_failed("3:0:0:0")
        assert opened.look_again().usable == ("2:0:0:0", "10:0:0:0")
