"""What tests in several folders share."""

from pathlib import Path

import pytest

from .support import fake_device, hold

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its folder: `-m unit`, `-m 'not kernel'`. See README.md."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.fixture(scope="session")
def fake_device_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that answers SG_IO under a helper."""
    return fake_device.build(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def hold_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that holds system calls up."""
    return hold.build(tmp_path_factory.mktemp("library"))
