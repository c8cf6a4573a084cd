"""multipathd does not run, or does not know the key: the helper registers the paths that come back by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.spc import GOOD

from .cluster import K2, Cluster, K
from .multipathd import MAP
from .scenarios import BOTH, REGISTERED
from .steps import play
from .trouble import FENCE_ONLY

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def without_multipathd(cluster: Cluster) -> Iterator[Cluster]:
    """The map stays, and nobody looks after it."""
    cluster.multipathd.stop()
    yield cluster
    cluster.multipathd.start()


def test_while_it_is_stopped_a_path_that_was_away_is_registered(without_multipathd: Cluster) -> None:
    cluster = without_multipathd
    play([REGISTERED], cluster)
    cluster.paths["a"].take_offline()
    assert cluster.us.register(K2, key=K) == GOOD
    cluster.paths["a"].bring_online()
    cluster.becomes("a=K2 b=K2")


def test_while_it_is_stopped_a_path_that_was_fenced_stays_out(without_multipathd: Cluster) -> None:
    cluster = without_multipathd
    play(BOTH, cluster)
    cluster.paths["a"].take_offline()
    fenced = FENCE_ONLY.run(cluster, before="")
    cluster.paths["a"].bring_online()
    cluster.becomes(fenced)


def test_restarted_it_knows_the_key_and_the_state_is_the_same(cluster: Cluster) -> None:
    play([REGISTERED], cluster)
    cluster.multipathd.stop()
    cluster.multipathd.start()
    for path in cluster.paths.values():
        path.restore()
    assert (cluster.multipathd.key(), cluster.multipathd.registers()) == (K, True)
    cluster.becomes("a=K b=K")


def test_made_to_forget_the_key_it_does_not_keep_a_path_out_for_good(cluster: Cluster) -> None:
    play([REGISTERED], cluster)
    cluster.multipathd.ask(f"unsetprstatus map {MAP}")
    cluster.multipathd.ask(f"unsetprkey map {MAP}")
    cluster.paths["a"].fail()
    cluster.paths["a"].restore()
    cluster.becomes("a=K b=K")


def test_configured_without_a_file_for_keys_paths_that_come_back_are_registered(cluster: Cluster) -> None:
    cluster.multipathd.stop()
    cluster.multipathd.start(reservation_key="")
    try:
        for path in cluster.paths.values():
            path.restore()
        play([REGISTERED], cluster)
        cluster.paths["a"].fail()
        cluster.paths["a"].restore()
        cluster.becomes("a=K b=K")
    finally:
        cluster.multipathd.stop()
        cluster.multipathd.start()
