"""The event loop of the current thread, asyncio's or trio's: whether there is one, and how other threads reach it."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import anyio

from .waiter import Direction


def loop_runs_here() -> bool:
    """Whether this thread runs an event loop."""
    return _in_trio() or _in_asyncio()


def loop_runner() -> Callable[[Callable[[], object]], object]:
    """A function that any thread may call to run a callback soon in this thread's event loop, in order.

    Raises RuntimeError if no loop runs here; the function raises it once the loop has ended.
    """
    if _in_trio():
        run_soon: Callable[[Callable[[], object]], object] = _trio_lowlevel().current_trio_token().run_sync_soon
        return run_soon
    return asyncio.get_running_loop().call_soon_threadsafe


async def wait_ready(fd: int, direction: Direction) -> None:
    """Wait in this thread's loop until a descriptor is ready; it is registered only for the wait."""
    if direction is Direction.READ:
        await anyio.wait_readable(fd)
    else:
        await anyio.wait_writable(fd)


def _in_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_trio() -> bool:
    # Without importing trio: code that runs under it has done so.
    return "trio" in sys.modules and bool(_trio_lowlevel().in_trio_run())


def _trio_lowlevel() -> Any:
    return sys.modules["trio"].lowlevel
