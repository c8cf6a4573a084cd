"""A helper that emulates, started as a test wants it, and a disk: a file."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ...support.client import Client
from ...support.helper import Helper
from .node import Node

Start = Callable[..., Helper]
Connect = Callable[..., Node]


@pytest.fixture
def state_directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def start(tmp_path: Path, state_directory: Path, stack: ExitStack) -> Start:
    """Starts a helper that emulates, with further options; again and again on the same socket and state."""

    def start(*options: str, emulate: str = "--emulate", env: dict[str, str] | None = None) -> Helper:
        every = [emulate, f"--state-directory={state_directory}", *options]
        return stack.enter_context(Helper(tmp_path, options=every, env=env))

    return start


@pytest.fixture
def connect(disk: Path, stack: ExitStack) -> Connect:
    """Connects to a helper with a disk, until the end of the test."""

    def connect(helper: Helper, path: Path = disk, flags: int = os.O_RDWR) -> Node:
        fd = os.open(path, flags)
        stack.callback(os.close, fd)
        return Node(stack.enter_context(Client(helper.socket)), fd)

    return connect
