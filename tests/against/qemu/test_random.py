"""Random answers of SG_IO and random commands, put to both helpers: the responses are equal to the byte.

Each seed is one test, so a failure names the seed that shows it again. Left out is what is meant to differ, or does
from one version of the C helper to the next (host statuses that it does not know, or with sense of the device; ENODEV;
see test_betterments.py), and a `resid` below 0 or above the buffer, over which the C helper aborts.
"""

import errno
import os
import random

import pytest

from ...support.fake_device import HEALTHY, MOST_DATA, Answer
from ...support.spc import keys, reserve_in, reserve_out
from .pair import Pair, opened
from .test_status_table import FROM_HOST_STATUS

ROUNDS = 40
SEEDS = range(1, 26)
ERRNOS = [number for number in errno.errorcode if number != errno.ENODEV]


def random_answer(chance: random.Random) -> Answer:
    host_status = chance.choice(list(FROM_HOST_STATUS)) if chance.random() < 0.1 else 0
    with_sense = not host_status and chance.random() < 0.5
    return Answer(
        error=chance.choice(ERRNOS) if chance.random() < 0.1 else 0,
        status=chance.choice([0, 0, 0, 0, 2, 2, 4, 8, 0x18, 0x28, 0x30, 0x40, chance.randrange(256)]),
        host_status=host_status,
        driver_status=chance.choice([0, 0, 0, 0, 0, 1, 8, 0x18, chance.randrange(256)]),
        sense=chance.randbytes(chance.randrange(97)) if with_sense else b"",
        resid=chance.choice([0, MOST_DATA, chance.randrange(MOST_DATA + 1), MOST_DATA - chance.randrange(200)]),
    )


def random_command(chance: random.Random) -> tuple[bytes, bytes]:
    length = chance.choice([0, 8, 24, MOST_DATA, chance.randrange(MOST_DATA + 1)])
    if chance.random() < 0.6:
        return reserve_in(chance.randrange(32), length), b""
    return reserve_out(chance.randrange(32), chance.randrange(256), length), (keys(1, 2) + bytes(MOST_DATA))[:length]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_answers_to_random_commands_are_passed_on_alike(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)
    with opened(HEALTHY, os.O_RDWR) as fd:
        for number in range(ROUNDS):
            answer, data = random_answer(chance), chance.randbytes(MOST_DATA)
            cdb, parameter_list = random_command(chance)
            pair.set(answer, data)
            theirs, ours = pair.commands(fd, cdb, parameter_list)
            assert ours == theirs, f"seed {seed}, round {number}: {cdb.hex()} answered with {answer}"
