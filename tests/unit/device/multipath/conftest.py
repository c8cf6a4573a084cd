"""Fixtures for what reads sysfs."""

from pathlib import Path

import pytest

from .host import Host


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """See `Host`."""
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Of a journal, not made yet."""
    return tmp_path / "journal"
