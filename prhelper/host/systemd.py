"""What systemd and its services tell one another: passed sockets, readiness, status, watchdog.

With systemd-python these are the library's own functions; without it the same protocol, as sd_listen_fds(3) and
sd_notify(3) describe it.
"""

import contextlib
import os
import socket

try:
    from systemd.daemon import listen_fds as _listen_fds
    from systemd.daemon import notify as _notify
except ImportError:
    from .systemd_protocol import listen_fds as _listen_fds
    from .systemd_protocol import notify as _notify


class ActivationError(Exception):
    """What systemd passed is not what a persistent reservation helper can use."""


def adopt_listening_socket() -> socket.socket | None:
    """The listening Unix socket that systemd passed, close-on-exec; None if this is no socket activation.

    The environment forgets that it was passed. Raises ActivationError if it is not one listening Unix stream socket.
    """
    fds = _listen_fds(unset_environment=True)
    count = len(fds)
    if count == 0:
        return None
    if count > 1:
        raise ActivationError(f"systemd passed {count} sockets; prhelper serves one: one ListenStream= in its .socket")
    fd = fds[0]
    os.set_inheritable(fd, False)
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ActivationError("what systemd passed is no socket: use ListenStream= in the .socket unit") from error
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM or not _listens(sock):
        sock.close()
        raise ActivationError(
            "systemd passed a socket that is no listening Unix stream socket: "
            "use ListenStream=/PATH with Accept=no in the .socket unit"
        )
    return sock


def notify(*assignments: str) -> None:
    """Tell the service manager, if there is one; its absence or silence is no reason to fail."""
    with contextlib.suppress(OSError):
        _notify("\n".join(assignments))


def manager_is_there() -> bool:
    """Whether a service manager listens to `notify`."""
    return "NOTIFY_SOCKET" in os.environ


def watchdog_interval() -> float | None:
    """Seconds within which the service manager wants a sign of life; None if it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / 1_000_000 if microseconds > 0 else None


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
