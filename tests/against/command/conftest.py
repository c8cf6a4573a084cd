"""The contexts and the check for leftovers, as the channels' own tests have them; certificates; socat."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.channel import CommandChannel

from ...support.programs import require_program
from ...unit.channel.conftest import context, nothing_left_behind, other
from ..credentials import Credentials, make_certificates

__all__ = ["context", "nothing_left_behind", "other"]

PATIENCE = 20.0
"""Seconds that a program has to end by itself."""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def socat() -> Callable[[Path], CommandChannel]:
    """Makes a channel to whoever listens at a path, by way of socat."""
    program = require_program("socat", "socat")
    return lambda path: CommandChannel.spawn([program, "-b4096", "-t0.05", "-", f"UNIX-CONNECT:{path}"], None, PATIENCE)
