"""What the tests of check share."""

import pytest

from prhelper.ctl.check import listening


@pytest.fixture(autouse=True)
def _other_helpers() -> None:
    """Each test has its own."""
    listening.look_again()
