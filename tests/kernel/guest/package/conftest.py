"""A machine with systemd, where the Debian package is installed by dpkg: one story, in the order of the tests.

Each test begins with the revision that it needs, whichever the ones before left. What it takes long to install there,
and to compile, is installed as seldom as can be.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .. import lio
from ..systemd.units import SOCKET, listens_at
from . import installing


@pytest.fixture(scope="session", autouse=True)
def before() -> dict[str, str]:
    """What was there before the first installation."""
    installing.prepare()
    assert installing.installed() is None
    return installing.what_is_there()


@pytest.fixture
def first() -> Path:
    """The first revision, installed; its socket."""
    installing.install(1)
    return listens_at(SOCKET)


@pytest.fixture(scope="session")
def disk() -> Path:
    """A disk that QEMU may open."""
    device = lio.create()[0]
    shutil.chown(device, installing.USER, installing.GROUP)
    return device
