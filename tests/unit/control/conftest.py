"""What the tests of the control socket share: one that runs in the test's process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from prhelper.logs import trace

from ...support.programs import require_module
from ...support.varlink import CONTROL, Varlink
from .running import Controlled

DESCRIPTIONS = Path(__file__).parents[3] / "prhelper/control"


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    """A server with its control socket. Nothing may be left of it."""
    with start_blocking_portal() as portal:
        controlled = Controlled(tmp_path, portal)
        try:
            yield controlled
        finally:
            controlled.close()


@pytest.fixture
def interface() -> Any:
    """The description, as another implementation reads it."""
    require_module("varlink", "pip install varlink")
    import varlink

    return varlink.Interface((DESCRIPTIONS / f"{CONTROL}.varlink").read_text())


@pytest.fixture
def peer(controlled: Controlled) -> Iterator[Varlink]:
    with controlled.connect() as peer:
        yield peer


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    logger = logging.getLogger("prhelper")
    level = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(level)
    for event in trace.EVENTS:
        event.enabled = False
