"""libmpathpersist beside prhelper: that it can be called here at all, which `python -m tools.multipath` relies on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.spc import Out

from .cluster import OTHER, Cluster
from .observing import Observer, as_returned
from .scenarios import WR, we_hold
from .steps import Command
from .without_us import LibraryHost, library_instead

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def host(shared_cluster: Cluster, multipath_map: Path) -> Iterator[LibraryHost]:
    with library_instead(shared_cluster, multipath_map) as host:
        yield host


def test_the_library_registers_and_reserves_on_both_paths_and_says_conflict(host: LibraryHost) -> None:
    reserve = Command(Out.RESERVE, key=OTHER, kind=WR, by_other=True)
    seen = Observer(host.cluster, as_returned).observe([*we_hold(), reserve, Command(Out.REGISTER, new=OTHER)])
    assert [one.as_promised for one in seen] == [True] * 5, seen
    ours = [one.answer for one in seen if one.by_us]
    assert ours[:2] == ["0", "0"]
    assert ours[2] != "0"
