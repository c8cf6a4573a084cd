"""What the NBD tests share."""

import os
from pathlib import Path

import pytest

from ...channel.conftest import nothing_left_behind

__all__ = ["nothing_left_behind"]

SIZE = 8 * 1024 * 1024


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A raw image: a hole, but for a mebibyte of data two mebibytes in."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
        os.pwrite(file.fileno(), bytes(range(256)) * 4096, 2 << 20)
    return path
