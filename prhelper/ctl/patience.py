"""Waiting no longer than is reasonable for what may take for ever, such as reading what is another process's."""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 2.0
"""Seconds."""

_Value = TypeVar("_Value")

_hanging: set[str] = set()
"""What has taken too long, and is not waited for again."""


def patiently(function: Callable[[], _Value], about: str = "", seconds: float = PATIENCE) -> _Value | None:
    """The result of a call; None if it takes too long, and is left behind, or raises OSError.

    about: if that has taken too long once, it is not tried again.
    """
    if about in _hanging:
        return None
    results: list[_Value] = []

    def call() -> None:
        with contextlib.suppress(OSError):
            results.append(function())

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive() and about:
        _hanging.add(about)
    return results[0] if results else None


def does_not_answer(path: str) -> bool:
    """Whether the file system hangs that a path leads to, as one does whose server is gone."""
    return patiently(lambda: os.path.exists(path), path) is None  # noqa: PTH110
