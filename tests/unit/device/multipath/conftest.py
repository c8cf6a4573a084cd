"""A host with a map in its sysfs, what the map's sequences need, and watchers."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from prhelper.device.multipath import map as map_module
from prhelper.device.multipath import watcher as watcher_module
from prhelper.device.multipath.journal import Journal
from prhelper.device.multipath.map import Means
from prhelper.device.multipath.sending import send_in_turn
from prhelper.device.multipath.watcher import Watcher

from .host import Host
from .mapped import NAMES
from .rules.cluster import Cluster
from .told import Told


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """See `Host`."""
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Of a journal, not made yet."""
    return tmp_path / "journal"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The unit that the host's disks lead to."""
    cluster = Cluster(paths="abc")
    monkeypatch.setattr(stat, "S_ISBLK", stat.S_ISCHR)
    monkeypatch.setattr(map_module, "send", lambda _fd, path, command, _timeout: cluster.deliver(NAMES[path], command))
    return cluster


@pytest.fixture
def told() -> Told:
    """Takes what multipathd is told."""
    return Told()


@pytest.fixture
def means(directory: Path, told: Told) -> Means:
    """Of a map's sequences: they wait for each other."""
    return Means(Journal(directory), told, send_in_turn, 60)


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watchers look again at once."""
    monkeypatch.setattr(watcher_module, "PERIOD", 0.001)
    monkeypatch.setattr(watcher_module, "SHORT_PERIOD", 0.001)
    monkeypatch.setattr(watcher_module, "ASK_PERIOD", 0.001)


@pytest.fixture
def watching(without_pauses: None) -> Iterator[list[Watcher]]:  # noqa: ARG001
    """Watchers, which are stopped at the end."""
    watchers: list[Watcher] = []
    yield watchers
    for each in watchers:
        each.stop()
