"""The rules against a model: whatever guests, paths, other hosts and crashes do, and whenever.

See `story.py` for what may happen, and `invariants.py` for what must hold.

A run of the tests tells the same stories each time: a fault that one story in thirty thousand has is not found by a
hundred of them, and met at random it fails a run which has nothing to do with it. Others are told by PRHELPER_THOROUGH.
What they find gets a test of its own beside the rule, since seeds tell another story once another thing may happen.
"""

import os
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .story import Story

LENGTH = 12
"""Commands in a story, each with what comes in between."""

SHARES = (0.03, 0.1, 0.25)
"""How often something comes in between."""

THOROUGH = bool(os.environ.get("PRHELPER_THOROUGH"))
STORIES = settings(deadline=None, max_examples=500) if THOROUGH else settings(deadline=None, derandomize=True)
"""Of each test; thorough, all take a minute."""


def numbers(random: Random, share: float = 1) -> Iterator[int]:
    """Numbers without end, of which a share are not 0 for sure."""
    while True:
        yield random.randrange(256) if random.random() < share else 0


def play(paths: str, ports_known: bool, share_ports: bool, seed: int, share: float, length: int) -> None:
    random = Random(seed)
    story = Story(numbers(random), numbers(random, share), paths, ports_known, share_ports)
    for _ in range(length):
        story.play()
    story.end()


def play_take_overs(paths: str, ports_known: bool, seed: int, share: float, length: int) -> None:
    random = Random(seed)
    story = Story(numbers(random), numbers(random, share), paths, ports_known)
    for _ in range(length):
        story.take_over()
    story.end()


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("paths", ["ab", "abc"])
@STORIES
@given(seed=st.integers(0, 2**64), share=st.sampled_from(SHARES), length=st.integers(3, LENGTH))
def test_story_of_take_overs_ends_well(paths: str, ports_known: bool, seed: int, share: float, length: int) -> None:
    play_take_overs(paths, ports_known, seed, share, length)


@pytest.mark.parametrize(
    ("seed", "length"), [(202025428280925946, 8), (7392667466102678733, 7), (9055001826861888736, 11)]
)
def test_story_that_did_not_end_well_does(seed: int, length: int) -> None:
    """A first answer is lost, or a registration, when the unit loses power."""
    play("ab", True, False, seed, 0.25, length)


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("paths", ["a", "ab", "abc"])
@STORIES
@given(seed=st.integers(0, 2**64), share=st.sampled_from(SHARES), length=st.integers(1, LENGTH))
def test_story_ends_well_whatever_happens(paths: str, ports_known: bool, seed: int, share: float, length: int) -> None:
    play(paths, ports_known, False, seed, share, length)


@pytest.mark.parametrize("paths", ["ab", "abcd"])
@STORIES
@given(seed=st.integers(0, 2**64), share=st.sampled_from(SHARES), length=st.integers(1, LENGTH))
def test_story_ends_well_where_two_paths_share_a_port(paths: str, seed: int, share: float, length: int) -> None:
    play(paths, True, True, seed, share, length)
