"""A process that ends in place of this one, which the kernel keeps from ending.

systemd starts no other process of a service while it sees the main one. A process of which a thread is stuck in the
kernel cannot go, and systemd waits for it in vain. So before it exits it makes another the main process (sd_notify(3),
MAINPID=), and that one ends at once. systemd 257 takes note of that while it stops a service; 252 does not, and waits.
"""

import contextlib
import os
from typing import NoReturn

import anyio

from . import fd_store
from .systemd import manager_is_there, notify_until_taken

_PATIENCE = 2.0
"""Seconds for systemd to take note of the stand-in."""

_LONGEST_NUMBER = 20


def end_for_the_manager() -> None:
    """Let the service manager see an end, as the last thing before `os._exit`. In the main thread, without a loop."""
    if manager_is_there():
        with contextlib.suppress(OSError, ValueError):  # then it is as without: systemd waits
            pid, holding = _start()
            try:
                anyio.run(_introduce, pid)
            finally:
                os.close(holding)


async def _introduce(pid: int) -> None:
    """Until systemd has read this, the stand-in must live: of one that is gone it takes no note."""
    with anyio.move_on_after(_PATIENCE):
        await notify_until_taken(f"MAINPID={pid}")
        await fd_store.barrier()


def _start() -> tuple[int, int]:
    """Start a process that ends when a descriptor is closed: its PID, and that descriptor.

    It is a grandchild, whose parent is systemd by then. Else its end would be for a stuck thread to hear of.
    """
    reading, writing = os.pipe()
    waiting, holding = os.pipe()
    if (between := os.fork()) == 0:
        _fork_again(writing, waiting, holding)
    os.close(writing)
    os.close(waiting)
    os.waitpid(between, 0)
    told = os.read(reading, _LONGEST_NUMBER)
    os.close(reading)
    return int(told), holding


def _fork_again(writing: int, waiting: int, holding: int) -> NoReturn:
    try:
        if pid := os.fork():
            os.write(writing, str(pid).encode())
        else:
            os.close(writing)
            os.close(holding)
            os.read(waiting, 1)
    finally:
        os._exit(0)
