"""What the NBD tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...channel.conftest import nothing_left_behind
from ..certificates import Certificates
from .link import Link
from .programs import qemu_nbd
from .service import Service

__all__ = ["nothing_left_behind"]

SIZE = 8 * 1024 * 1024


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["plain", "tls"])
def link(request: pytest.FixtureRequest) -> Link:
    """Every test that asks for it runs plainly and over TLS."""
    return Link(request.getfixturevalue("certificates") if request.param == "tls" else None)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A raw image: a hole, but for a mebibyte of data two mebibytes in."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
        os.pwrite(file.fileno(), bytes(range(256)) * 4096, 2 << 20)
    return path


@pytest.fixture
def nbd(image: Path, link: Link) -> Iterator[Service]:
    with qemu_nbd(image, link.qemu_server()) as (_, path):
        yield Service(path, link)
