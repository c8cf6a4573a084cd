"""Killed at any moment, again and again: what is there afterwards is what was answered, or one command more."""

import random
import threading
import time
from pathlib import Path

import pytest

from ...support.client import HungUpError
from ...support.programs import compile_library
from ...support.spc import APTPL, EXCLUSIVE_ACCESS, GOOD, Out
from .conftest import Connect, Start
from .node import Node

KILLS = 25
DISKS = 3
LONGEST_LIFE = 0.1  # seconds

State = tuple[list[int], int | None]


def command(step: int) -> tuple[int, int, int]:
    """The commands, over and over: a new key, reserve, release; as service action, key, service action key."""
    rounds, action = divmod(step, 3)
    return action, rounds + (action != Out.REGISTER), rounds + 1 if action == Out.REGISTER else 0


def state(steps: int) -> State:
    """What there is after so many commands: the registered keys, and the key of the holder."""
    key = (steps + 2) // 3
    return [key] if key else [], key if steps % 3 == 2 else None


class Writer(threading.Thread):
    """Sends commands for one disk until the helper is gone. `steps`: how many have been answered since ever."""

    def __init__(self, node: Node, steps: int) -> None:
        super().__init__()
        self._node = node
        self.steps = steps
        self.statuses: set[int] = set()
        self.start()

    def run(self) -> None:
        while True:
            action, key, new = command(self.steps)
            try:
                flags = APTPL if action == Out.REGISTER else 0
                status = self._node.write(action, key, new, EXCLUSIVE_ACCESS, flags).status
            except (HungUpError, OSError):
                return
            self.statuses.add(status)
            self.steps += 1


@pytest.mark.timeout(180)
def test_what_is_there_after_a_kill_is_what_was_answered_or_one_command_more(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    disks = [tmp_path / f"disk{number}" for number in range(DISKS)]
    for disk in disks:
        disk.write_bytes(b"")
    steps = [0] * DISKS
    one_more = 0
    for _ in range(KILLS):
        helper = start()
        writers = [Writer(connect(helper, disk), done) for disk, done in zip(disks, steps, strict=True)]
        time.sleep(chance.uniform(0, LONGEST_LIFE))
        helper.kill()
        for writer in writers:
            writer.join()
        assert set.union(*(writer.statuses for writer in writers)) <= {GOOD}

        helper = start()
        for number, writer in enumerate(writers):
            node = connect(helper, disks[number])
            found = node.keys(), node.holder()
            assert found in (state(writer.steps), state(writer.steps + 1)), f"disk {number} after {writer.steps}"
            steps[number] = writer.steps if found == state(writer.steps) else writer.steps + 1
            one_more += steps[number] - writer.steps
        helper.kill()
    print(f"{sum(steps)} commands, {KILLS} kills, {one_more} times one command more")
    assert min(steps) > 0


# SQLite syncs five times for a command: the last points lie behind the answer.
@pytest.mark.parametrize("point", range(1, 13))
def test_killed_around_each_sync_of_a_command_it_has_happened_whole_or_not_at_all(
    start: Start, connect: Connect, tmp_path: Path, point: int
) -> None:
    library = compile_library(Path(__file__).with_name("sync.c"), tmp_path)
    counted = tmp_path / "counted"
    helper = start(env={"LD_PRELOAD": str(library), "COUNTED_SYNC": str(counted), "DIE_AT": str(point)})
    node = connect(helper)
    assert (node.register(0xA, aptpl=True), node.reserve(0xA)) == (GOOD, GOOD)
    counted.touch()
    try:
        answered = node.register(0xB, key=0xA, aptpl=True) == GOOD
    except HungUpError:
        answered = False
        helper.process.wait()
    else:
        helper.kill()
    print("answered" if answered else "killed before the answer")
    node = connect(start())
    found = node.keys(), node.holder()
    assert found in ([([0xB], 0xB)] if answered else [([0xA], 0xA), ([0xB], 0xB)])
