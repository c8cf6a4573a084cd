"""What systemd and its services tell one another: passed sockets, readiness, status, watchdog.

Socket activation is systemd-python's where that is installed, else our own after the same page, sd_listen_fds(3).
Notification is our own: the library's waits when the service manager does not read, and nothing here may wait.
What the environment says is believed: `handed` has removed from it what is meant for others.
"""

import errno
import os
import socket

import anyio

try:
    from systemd.daemon import listen_fds as _listen_fds
except ImportError:
    from .listen_fds import listen_fds as _listen_fds

_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_PAUSE = 0.05
"""Seconds between two attempts to notify."""

_LONGEST_NUMBER = 20
"""Digits of the largest number in 64 bits."""


class ActivationError(Exception):
    """What systemd passed is not what a persistent reservation helper can use."""


def adopt_listening_socket() -> socket.socket | None:
    """The listening Unix socket that systemd passed, close-on-exec; None if this is no socket activation.

    The environment forgets that it was passed. Raises ActivationError if it is not one listening Unix stream socket.
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
    """Tell the service manager (sd_notify(3)), without waiting: False if it has no room at the moment.

    Its absence is no reason to fail, or to try again.
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
    """Tell the service manager, again and again while it has no room."""
    while not notify(*assignments):
        await anyio.sleep(_PAUSE)


def manager_is_there() -> bool:
    """Whether a service manager listens to `notify`."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def watchdog_interval() -> float | None:
    """Seconds within which the service manager wants a sign of life; None if it does not."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        return None
    return int(text) / 1_000_000 or None


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
