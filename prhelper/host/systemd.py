"""What systemd and a service tell each other: passed sockets, readiness, status, watchdog.

Socket activation is systemd-python's where that is installed, else our own after the same page, sd_listen_fds(3).
Notification is our own: the library blocks while the service manager does not read, and nothing here may block.
The environment is trusted: `environment` has removed the variables meant for other processes.
"""

import errno
import os
import socket

import anyio

from .errors import StartError

try:
    from systemd.daemon import listen_fds as _listen_fds
except ImportError:
    from .listen_fds import listen_fds as _listen_fds

_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_PAUSE = 0.05
"""Seconds between attempts to notify."""

_MAX_DIGITS = 20
"""Of a 64-bit number."""


class ActivationError(StartError):
    """systemd passed something other than one listening Unix stream socket; the text gives the remedy."""


def adopt_listening_socket() -> socket.socket | None:
    """The listening Unix socket that systemd passed, close-on-exec; None without socket activation.

    The caller owns it. Removes LISTEN_FDS and LISTEN_PID from the environment. Raises ActivationError.
    """
    count = os.environ.get("LISTEN_FDS", "0")
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and count not in ("0", "1"):
        raise ActivationError(
            f"systemd passed {count[:20]} sockets; prhelper serves one: one ListenStream= in its .socket"
        )
    try:
        fds = _listen_fds(unset_environment=True)
        if not fds:
            return None
        os.set_inheritable(fds[0], False)
        sock = socket.socket(fileno=fds[0])
    except OSError as error:
        raise ActivationError("what systemd passed is no socket: use ListenStream= in the .socket unit") from error
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM or not _listens(sock):
        sock.close()
        raise ActivationError(
            "systemd passed a socket that is no listening Unix stream socket: "
            "use ListenStream=/PATH with Accept=no in the .socket unit"
        )
    return sock


def notify(*assignments: str) -> bool:
    """Notify the service manager (sd_notify(3)), without blocking: False if it has no room now, so try again later.

    True, too, where there is no service manager, or it cannot be reached.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto("\n".join(assignments).encode(), address)
    except OSError as error:
        return error.errno not in _NO_ROOM
    return True


async def notify_until_taken(*assignments: str) -> None:
    """Notify the service manager; retry while it has no room."""
    while not notify(*assignments):
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


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
