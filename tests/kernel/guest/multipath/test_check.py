"""prhelperctl check on a map of the real multipathd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.ctl.cli import main
from tests.support.checking import check
from tests.support.client import Client
from tests.support.spc import GOOD

from .. import helper
from .cluster import Cluster, K
from .multipathd import MAP

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def on(cluster: Cluster, tmp_path: Path) -> list[str]:
    """Our helper, and no daemon that could be asked."""
    return ["-k", str(cluster.ours.socket), "-c", str(tmp_path / "none")]


@pytest.fixture
def multipathd_as_it_was(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.multipathd.stop()
    cluster.multipathd.start()


def test_healthy_map_with_and_without_a_registration(cluster: Cluster, on: list[str], multipath_map: Path) -> None:
    assert check(*on, multipath_map).codes == []
    assert cluster.us.register(K) == GOOD
    assert check(*on, multipath_map).codes == []


@pytest.mark.usefixtures("multipathd_as_it_was")
@pytest.mark.parametrize(("line", "seen"), [("", "unset"), ("reservation_key 0x123", "a fixed key")])
def test_multipathd_that_does_not_keep_the_guests_keys(
    cluster: Cluster, on: list[str], multipath_map: Path, line: str, seen: str
) -> None:
    cluster.multipathd.stop()
    cluster.multipathd.start(reservation_key=line)
    finding = check(*on, multipath_map).one("reservation-key")
    assert (finding["about"], finding["seen"]) == (MAP, f"reservation_key is {seen}")


@pytest.mark.usefixtures("multipathd_as_it_was")
def test_multipathd_that_does_not_run(cluster: Cluster, on: list[str], multipath_map: Path) -> None:
    cluster.multipathd.stop()
    assert check(*on, multipath_map).codes == ["multipathd-unreachable"]


@pytest.mark.usefixtures("cluster")
def test_multipathd_that_the_helper_reaches_as_it_says_itself(multipath_map: Path, tmp_path: Path) -> None:
    """One that it does not reach is in ../systemd/test_check.py."""
    path, control = tmp_path / "socket", tmp_path / "control"
    with helper.running(path, f"--control={control}"):
        Client(path, timeout=150).close()
        assert check("-k", path, "-c", control, multipath_map).codes == []


def test_map_without_a_path(cluster: Cluster, on: list[str], multipath_map: Path) -> None:
    for path in cluster.paths.values():
        path.fail()
    assert check(*on, multipath_map).codes == ["disk-fails", "no-usable-path"]


@pytest.mark.usefixtures("cluster")
def test_map_with_one_path_registered_behind_the_helpers_back(
    disks: list[Path], multipath_map: Path, tmp_path: Path
) -> None:
    """By a machine that was given a path instead of the map."""
    path, control = tmp_path / "socket", tmp_path / "control"
    with helper.running(path, f"--control={control}"):
        assert main(["register", "-S", "a1", "--force", "-k", str(path), str(disks[0])]) == 0
        found = check("-k", path, "-c", control, multipath_map)
    assert found.codes == ["path-not-registered"]
    assert found.one("path-not-registered")["seen"].startswith("1 of 2 paths (")


@pytest.mark.usefixtures("cluster")
def test_helper_that_does_not_act_on_maps(multipath_map: Path, tmp_path: Path) -> None:
    path, control = tmp_path / "socket", tmp_path / "control"
    with helper.running(path, "--multipath=off", f"--control={control}"):
        Client(path, timeout=150).close()  # it may take longer to start here than `check` waits
        found = check("-k", path, "-c", control, multipath_map)
    assert found.codes == ["maps-refused"]
    assert "--multipath=off" in found.one("maps-refused")["seen"]
