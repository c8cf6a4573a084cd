"""A machine that writes all the while: what it notices of take-overs, and of a helper that dies."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.spc import GOOD

from ..thorough import THOROUGH
from .cluster import Cluster, K
from .scenarios import WR, we_hold
from .steps import play
from .take_overs import TakeOvers

MOVES = 200 if THOROUGH else 10
FLAPS = 30 if THOROUGH else 3
FLAPPING = 100 if THOROUGH else 15
"""Seconds."""
KILLS = 50 if THOROUGH else 2
A_TAKE_OVER = 0.1
"""Seconds that it may last here."""

pytestmark = pytest.mark.timeout(300)


class Writer:
    """The program `writer.py`, at work."""

    def __init__(self, device: Path) -> None:
        command = [sys.executable, "-m", "tests.kernel.guest.multipath.writer", str(device)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "writing\n"

    def stop(self) -> str:
        """End it; return what it has to say. AssertionError if a write failed."""
        told, error = self._process.communicate("")
        assert self._process.returncode == 0, error
        return told

    def verdict(self) -> str:
        """End it; return what it has to say, also if a write failed."""
        return "".join(self._process.communicate(""))

    def end(self) -> None:
        with self._process:
            self._process.kill()


@pytest.fixture
def writer(cluster: Cluster, multipath_map: Path) -> Iterator[Writer]:
    play(we_hold(WR), cluster)
    writer = Writer(multipath_map)
    yield writer
    writer.end()


def test_a_writer_has_no_error_while_the_reservation_moves(cluster: Cluster, writer: Writer) -> None:
    with TakeOvers(cluster.us) as take_overs:
        for _ in range(MOVES):
            take_overs.let_one_pass()
    assert set(take_overs.answers) == {GOOD}
    print(f"{len(take_overs.answers)} take-overs; writes, longest in ms: {writer.stop()}")
    assert cluster.state().is_as("a=K b=K c=O, we hold 5")


def test_a_writer_has_no_error_while_a_path_flaps_and_the_reservation_moves_when_it_is_away(
    cluster: Cluster, writer: Writer
) -> None:
    for _ in range(FLAPS):
        cluster.paths["a"].fail()
        assert cluster.us.preempt(K, K, WR) == GOOD
        cluster.paths["a"].restore()
        cluster.becomes("a=K b=K c=O, b holds 5")
    print(f"writes, longest in ms: {writer.stop()}")


def test_a_path_that_flaps_in_the_midst_of_take_overs_is_not_taken_for_fencing(
    cluster: Cluster, writer: Writer
) -> None:
    """A write may fail, once in many flaps: docs/multipath.md says in which window. On a busy machine it is long."""
    ends, flaps = time.monotonic() + FLAPPING, 0
    with TakeOvers(cluster.us) as take_overs:
        while time.monotonic() < ends:
            cluster.paths["a"].fail()
            cluster.paths["a"].restore()
            flaps += 1
    assert set(take_overs.answers) == {GOOD}
    print(f"{flaps} flaps, {len(take_overs.answers)} take-overs; writes, longest in ms: {writer.verdict()}")
    cluster.becomes("a=K b=K c=O, we hold 5")


def test_a_helper_that_is_killed_in_the_midst_of_take_overs_leaves_nothing_that_the_next_does_not_repair(
    cluster: Cluster, writer: Writer
) -> None:
    chance = random.Random(seed := time.monotonic_ns())
    for number in range(KILLS):
        with TakeOvers(cluster.us) as take_overs:
            take_overs.let_one_pass()
            time.sleep(chance.uniform(0, A_TAKE_OVER))
            cluster.ours.kill()
        left = cluster.state()
        cluster.ours.start()
        cluster.becomes("a=K b=K c=O, we hold 5")
        print(f"seed {seed}, {number}: {left}")
    print(f"writes, longest in ms: {writer.stop()}")
