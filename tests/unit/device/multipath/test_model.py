"""The rules against a model: whatever guests, paths, other hosts and crashes do, and whenever. See `story.py`."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .story import Story

NUMBERS = st.lists(st.one_of(st.just(0), st.integers(0, 15)), max_size=120)


@pytest.mark.parametrize("ports_known", [True, False])
@pytest.mark.parametrize("paths", ["a", "ab", "abc"])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 8), NUMBERS)
def test_story_ends_well_whatever_happens(paths: str, ports_known: bool, length: int, numbers: list[int]) -> None:
    story = Story(numbers, paths, ports_known)
    for _ in range(length):
        story.play()
    story.end()
