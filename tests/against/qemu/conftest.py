"""Two helpers side by side: the C original and ours, each with fake devices of its own that answer alike.

    exchanges.py   what is said to both: the exchanges, byte for byte
    pair.py        the two processes, and how an exchange is held with one of them

Whatever one is asked, the other is asked as well, and the answers are compared. Where ours is meant to be better, the
difference is a named row of test_betterments.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .pair import Pair


@pytest.fixture(scope="module")
def pair(fake_device_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both helpers, for one module; ours must have no descriptor more at its end than at its beginning."""
    with Pair(fake_device_library, tmp_path_factory.mktemp("theirs"), tmp_path_factory.mktemp("ours")) as pair:
        rest = pair.ours.helper.rest()
        yield pair
        pair.ours.helper.wait_for_rest(rest)
