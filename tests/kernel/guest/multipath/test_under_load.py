"""A machine that writes all the while: what it notices of take-overs, and of a helper that dies."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.spc import GOOD

from ..thorough import THOROUGH
from .cluster import Cluster, K
from .scenarios import WR, we_hold
from .steps import play
from .take_overs import ER, TakeOvers

MOVES = 200 if THOROUGH else 10
FLAPS = 30 if THOROUGH else 3
FLAPPING = 50 if THOROUGH else 7
"""Seconds, of each kind of take-overs."""
KILLS = 50 if THOROUGH else 2
A_TAKE_OVER = 0.1
"""Seconds that it may last here."""

pytestmark = pytest.mark.timeout(3000 if THOROUGH else 300)


class Wrote(NamedTuple):
    """What `writer.py` says."""

    writes: int
    longest: float
    failed: list[str]
    outage: float


class Writer:
    """The program `writer.py`, at work."""

    def __init__(self, device: Path) -> None:
        command = [sys.executable, "-m", "tests.kernel.guest.multipath.writer", str(device)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "writing\n"

    def stop(self) -> Wrote:
        """End it. AssertionError if a write failed with anything but a conflict."""
        told, error = self._process.communicate("")
        assert self._process.returncode == 0, error
        return Wrote(**json.loads(told))

    def stop_without_error(self) -> Wrote:
        """End it. AssertionError if a write failed."""
        wrote = self.stop()
        assert not wrote.failed, wrote
        return wrote

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
    print(f"{len(take_overs.answers)} take-overs; {writer.stop_without_error()}")
    assert cluster.state().is_as(f"a=K b=K c=O, we hold {take_overs.kind}")


def test_a_writer_has_no_error_while_a_path_flaps_and_the_reservation_moves_when_it_is_away(
    cluster: Cluster, writer: Writer
) -> None:
    for _ in range(FLAPS):
        cluster.paths["a"].fail()
        assert cluster.us.preempt(K, K, WR) == GOOD
        cluster.paths["a"].restore()
        cluster.becomes("a=K b=K c=O, b holds 5")
    print(writer.stop_without_error())


def flap(cluster: Cluster, *kinds: int) -> TakeOvers:
    """A path fails and comes back in the midst of take-overs, none of which may end as if the host was fenced."""
    ends, flaps = time.monotonic() + FLAPPING, 0
    with TakeOvers(cluster.us, kinds) as take_overs:
        take_overs.let_one_pass()  # with all paths: the helper, which has no port names here, sees whose keys they are
        while time.monotonic() < ends:
            cluster.paths["a"].fail()
            cluster.paths["a"].restore()
            flaps += 1
    assert set(take_overs.answers) == {GOOD}
    cluster.becomes(f"a=K b=K c=O, we hold {take_overs.kind}")
    print(f"{flaps} flaps, {len(take_overs.answers)} take-overs, the longest in {take_overs.longest * 1000:.1f} ms")
    return take_overs


def test_a_writer_has_no_error_while_a_path_flaps_and_what_is_held_is_taken_over_again_and_again(
    cluster: Cluster, writer: Writer
) -> None:
    flap(cluster, WR)
    print(writer.stop_without_error())


def test_a_writer_has_an_error_for_a_part_of_a_take_over_at_most_while_a_path_flaps_in_the_midst(
    cluster: Cluster, writer: Writer
) -> None:
    """docs/multipath.md says when: the path must come back within a take-over, and be written to at once."""
    take_overs = flap(cluster, ER, WR)
    wrote = writer.stop()
    print(wrote)
    assert wrote.outage <= take_overs.longest * 1000, wrote


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
        cluster.becomes("a=K b=K c=O, we hold 5", "a=K b=K c=O, we hold 6")
        print(f"seed {seed}, {number}: {left}")
    print(writer.stop_without_error())
