"""What a service tells systemd: readiness, status, watchdog.

The code is our own: systemd-python's blocks while the service manager does not read, and nothing here may block.
The environment is trusted: `environment` has removed the variables meant for other processes.
"""

import array
import errno
import os
import socket
from collections.abc import Sequence

import anyio

_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_PAUSE = 0.05
"""Seconds between attempts to notify."""

_MAX_DIGITS = 20
"""Of a 64-bit number."""


def notify(*assignments: str, fds: Sequence[int] = ()) -> bool:
    """Notify the service manager (sd_notify(3)), without blocking: False if it has no room now, so try again later.

    fds: descriptors of which duplicates go along.

    True, too, where there is no service manager, or it cannot be reached.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return True
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            message = "\n".join(assignments).encode()
            if fds:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
                sock.sendmsg([message], [rights], 0, address)
            else:
                sock.sendto(message, address)
    except OSError as error:
        return error.errno not in _NO_ROOM
    return True


async def notify_until_taken(*assignments: str, fds: Sequence[int] = ()) -> None:
    """Notify the service manager; retry while it has no room."""
    while not notify(*assignments, fds=fds):
        await anyio.sleep(_PAUSE)


def manager_is_there() -> bool:
    """Whether there is a service manager to `notify`."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def watchdog_interval() -> float | None:
    """Seconds within which the service manager expects WATCHDOG=1; None if it has no watchdog."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        return None
    return int(text) / 1_000_000 or None
