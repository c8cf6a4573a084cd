"""What systemd and the helper tell each other, on machines that need not run systemd (see service.py)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ...support.programs import require_module
from .service import COMMANDS, ServiceManager


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> Sequence[str]:
    """How to start the helper, with each implementation of `listen_fds`: a test of passed sockets runs with both."""
    if request.param == "systemd-python":
        require_module("systemd", "apt-get install libsystemd-dev pkg-config gcc, then make venv")
    return COMMANDS[str(request.param)]


@pytest.fixture(autouse=True)
def started_by_no_other_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What started the tests, a desktop perhaps, may itself have been started by systemd."""
    monkeypatch.delenv("SYSTEMD_EXEC_PID", raising=False)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(tmp_path)
    yield manager
    manager.close()
