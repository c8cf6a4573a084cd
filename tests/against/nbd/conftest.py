"""What the NBD tests share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...unit.channel.conftest import nothing_left_behind
from ..credentials import Credentials, make_certificates, make_preshared_key
from .link import Link
from .programs import qemu_nbd
from .service import Service

__all__ = ["nothing_left_behind"]

SIZE = 8 * 1024 * 1024


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def preshared_key(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    if sys.version_info < (3, 13):
        pytest.skip("TLS with pre-shared keys needs Python 3.13 or newer")
    return make_preshared_key(tmp_path_factory.mktemp("key"))


@pytest.fixture(params=[None, "certificates", "preshared_key"], ids=["plain", "tls", "psk"])
def link(request: pytest.FixtureRequest) -> Link:
    """Every test that asks for it runs plainly, over TLS with certificates, and over TLS with a pre-shared key."""
    return Link(request.param and request.getfixturevalue(request.param))


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
