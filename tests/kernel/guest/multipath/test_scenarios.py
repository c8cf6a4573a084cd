"""Every command on a map with all its paths, and with some: its answer, what is left, and what multipathd knows."""

from __future__ import annotations

import pytest

from . import scenarios, trouble
from .cluster import Cluster
from .steps import Step, play

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("steps", scenarios.SCENARIOS.values(), ids=list(scenarios.SCENARIOS))
def test_on_a_whole_map_a_command_leaves_both_paths_as_one_nexus(cluster: Cluster, steps: list[Step]) -> None:
    play(steps, cluster)


@pytest.mark.parametrize("steps", trouble.SCENARIOS.values(), ids=list(trouble.SCENARIOS))
def test_paths_that_come_and_go_end_as_one_nexus(cluster: Cluster, steps: list[Step]) -> None:
    play(steps, cluster)
