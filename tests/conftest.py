"""What tests in several folders share."""

from pathlib import Path

import pytest

from .support.fake_device import build


@pytest.fixture(scope="session")
def fake_device_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that answers SG_IO under a helper."""
    return build(tmp_path_factory.mktemp("library"))
