"""Socket activation: the socket that systemd passed.

systemd-python's where that is installed, else our own after the same page, sd_listen_fds(3). Both are imported only if
there is a socket. The environment is trusted: `environment` has removed the variables meant for other processes.
"""

import os
import socket

from .errors import StartError


class ActivationError(StartError):
    """systemd passed something other than one listening Unix stream socket; the text gives the remedy."""


def adopt_listening_socket() -> socket.socket | None:
    """The listening Unix socket that systemd passed, close-on-exec; None without socket activation.

    The caller owns it. Removes LISTEN_FDS and LISTEN_PID from the environment. Raises ActivationError.
    """
    if (count := os.environ.get("LISTEN_FDS")) is None:
        return None
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and count not in ("0", "1"):
        raise ActivationError(
            f"systemd passed {count[:20]} sockets; prhelper serves one: one ListenStream= in its .socket"
        )
    try:
        fds = _listen_fds()
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


def _listen_fds() -> list[int]:
    try:
        from systemd.daemon import listen_fds
    except ImportError:
        from .listen_fds import listen_fds
    return list(listen_fds(unset_environment=True))


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
