"""Another host fences ours, at any moment and by any means: from its success on, no path of ours has a registration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.nexus import Nexus, Result, keys_in
from tests.support.spc import CHECK_CONDITION, CONFLICT, GOOD, In, Out

from ..thorough import THOROUGH
from .agents import AGENTS, Agent
from .cluster import OTHER, Cluster, K
from .scenarios import REGISTERED, WR
from .steps import Command, play
from .take_overs import TakeOvers

pytestmark = pytest.mark.timeout(180)

FENCED = "c=O, c holds 5"
ROUNDS = 50 if THOROUGH else 5

OTHER_RESERVES = [
    Command(Out.REGISTER, "a=K b=K c=O", new=OTHER, by_other=True),
    Command(Out.RESERVE, "a=K b=K c=O, c holds 5", key=OTHER, kind=WR, by_other=True),
]
WE_RESERVE = [
    Command(Out.REGISTER, "a=K b=K c=O", new=OTHER, by_other=True),
    Command(Out.RESERVE, "a=K b=K c=O, we hold 5", key=K, kind=WR),
]


def blindly(other: Nexus) -> None:
    """Preempt, and take a conflict, where the key is not there, for done."""
    assert answered(lambda: other.write(Out.PREEMPT, OTHER, K, WR)).status in (GOOD, CONFLICT)


def reading_first(other: Nexus) -> None:
    """Preempt as long as the key is there, and take its absence for done."""
    while is_registered(other):
        other.preempt(OTHER, K, WR)


def is_registered(other: Nexus) -> bool:
    return K in keys_in(answered(lambda: other.read(In.READ_KEYS)).payload)


def answered(send: Callable[[], Result]) -> Result:
    """A take-over that changes the type tells the other host so, by a unit attention in place of the next answer."""
    while (result := send()).status == CHECK_CONDITION:
        pass
    return result


@pytest.mark.parametrize("fence", [blindly, reading_first])
def test_a_host_that_is_fenced_in_the_midst_of_take_overs_has_no_path_left(
    cluster: Cluster, fence: Callable[[Nexus], None]
) -> None:
    for round_ in range(ROUNDS):
        cluster.start_afresh()
        play([REGISTERED, *WE_RESERVE], cluster)
        with TakeOvers(cluster.us) as take_overs:
            take_overs.let_one_pass()
            fence(cluster.other)
            take_overs.end()
        state = cluster.state()
        assert state.is_as(FENCED), f"round {round_}: {state}"


@pytest.mark.parametrize("agent", AGENTS if THOROUGH else AGENTS[1:], ids=str)
def test_what_a_fence_agent_has_fenced_stays_out_also_with_the_path_that_was_away(
    cluster: Cluster, disks: list[Path], agent: Agent
) -> None:
    play([REGISTERED], cluster)
    agent.run("on", OTHER, disks[2])
    cluster.becomes("a=K b=K c=O, c holds 5")
    cluster.paths["a"].fail()
    agent.run("off", K, disks[2])
    cluster.becomes(FENCED)
    cluster.paths["a"].restore()
    assert cluster.us.reserve(K, WR) == CONFLICT
    assert str(cluster.state()) == FENCED


@pytest.mark.parametrize("agent", AGENTS if THOROUGH else AGENTS[:1], ids=str)
def test_a_fence_agent_ends_take_overs(cluster: Cluster, disks: list[Path], agent: Agent) -> None:
    agent.run("on", OTHER, disks[2])
    play([Command(Out.CLEAR, "nothing", key=OTHER, by_other=True), REGISTERED, *WE_RESERVE], cluster)
    with TakeOvers(cluster.us) as take_overs:
        take_overs.let_one_pass()
        agent.run("off", K, disks[2])
        take_overs.end()
    cluster.becomes(FENCED)
