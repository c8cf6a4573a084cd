"""What systemd passed: the listening socket, and what an earlier start of the unit has left in its store.

systemd-python's function where that is installed, else our own after the same page, sd_listen_fds(3). Both are imported
only if something was passed. The environment is trusted: `environment` has removed the variables meant for other
processes.
"""

import os
import socket
from typing import NamedTuple

from .errors import StartError

KEPT = "handed-over-"
"""How the names of mailboxes in systemd's file descriptor store begin (`handover.store`)."""

_NO_SOCKET = "what systemd passed is no socket: use ListenStream= in the .socket unit"


class ActivationError(StartError):
    """systemd passed something other than one listening Unix stream socket; the text gives the remedy."""


class Mailbox(NamedTuple):
    """A mailbox, and its name in the store."""

    name: str
    socket: socket.socket


class Passed(NamedTuple):
    """What was passed, close-on-exec. The caller owns it."""

    listening: socket.socket | None = None
    mailboxes: tuple[Mailbox, ...] = ()


def adopt_passed() -> Passed:
    """The listening Unix socket that systemd passed, if any, and the mailboxes.

    Removes LISTEN_FDS and LISTEN_PID from the environment. Raises ActivationError.
    """
    if (count := os.environ.get("LISTEN_FDS")) is None:
        return Passed()
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    kept = sum(name.startswith(KEPT) for name in names)
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and count not in (str(kept), str(kept + 1)):
        raise ActivationError(
            f"systemd passed {count[:20]} sockets; prhelper serves one: one ListenStream= in its .socket"
        )
    listening = None
    mailboxes = []
    for place, fd in enumerate(_listen_fds()):
        if place < len(names) and names[place].startswith(KEPT):
            mailboxes.append(Mailbox(names[place], _adopt(fd)))
        else:
            listening = _adopt_listening(fd)
    return Passed(listening, tuple(mailboxes))


def _adopt(fd: int) -> socket.socket:
    try:
        os.set_inheritable(fd, False)
        return socket.socket(fileno=fd)
    except OSError as error:
        raise ActivationError(_NO_SOCKET) from error


def _adopt_listening(fd: int) -> socket.socket:
    sock = _adopt(fd)
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
    try:
        return list(listen_fds(unset_environment=True))
    except OSError as error:  # systemd-python's makes them close-on-exec, so it notices one that is not open
        raise ActivationError(_NO_SOCKET) from error


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
