"""The rules against a model: whatever guests, paths, other hosts and crashes do, and whenever.

See `story.py` for what may happen, and `invariants.py` for what must hold.
"""

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


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("paths", ["a", "ab", "abc"])
@settings(deadline=None)
@given(seed=st.integers(0, 2**64), share=st.sampled_from(SHARES), length=st.integers(1, LENGTH))
def test_story_ends_well_whatever_happens(paths: str, ports_known: bool, seed: int, share: float, length: int) -> None:
    play(paths, ports_known, False, seed, share, length)


@pytest.mark.parametrize("paths", ["ab", "abcd"])
@settings(deadline=None)
@given(seed=st.integers(0, 2**64), share=st.sampled_from(SHARES), length=st.integers(1, LENGTH))
def test_story_ends_well_where_two_paths_share_a_port(paths: str, seed: int, share: float, length: int) -> None:
    play(paths, True, True, seed, share, length)
