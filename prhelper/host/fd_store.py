"""systemd's file descriptor store: what a service leaves there, its next start is passed (sd_notify(3), FDSTORE=1)."""

import os
import select

import anyio

from .systemd import notify_until_taken


async def keep(fd: int, name: str) -> None:
    """Have a duplicate of `fd` kept under a name, whatever happens at its other end, until it is dropped."""
    await notify_until_taken("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", fds=[fd])


async def drop(name: str) -> None:
    """Have everything of this name closed there."""
    await notify_until_taken("FDSTOREREMOVE=1", f"FDNAME={name}")


async def barrier() -> None:
    """Wait until the service manager has handled all that it was notified of before."""
    reading, writing = os.pipe()
    try:
        try:
            await notify_until_taken("BARRIER=1", fds=[writing])
        finally:
            os.close(writing)
        await anyio.wait_readable(reading)
    finally:
        os.close(reading)


def hung_up(fd: int) -> bool:
    """Whether the other end of a pipe or of a pair of sockets is closed everywhere."""
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))
