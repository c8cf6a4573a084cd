"""systemd's protocol for services, for where systemd-python is not installed: the same two functions."""

import os
import socket

_FIRST_FD = 3


def listen_fds(unset_environment: bool = True) -> list[int]:
    """The numbers of the descriptors that were passed to this process (sd_listen_fds(3)); empty if none were."""
    try:
        pid, count = int(os.environ["LISTEN_PID"]), int(os.environ["LISTEN_FDS"])
    except (KeyError, ValueError):
        pid = count = 0
    if unset_environment:
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            os.environ.pop(name, None)
    return list(range(_FIRST_FD, _FIRST_FD + count)) if pid == os.getpid() else []


def notify(status: str) -> bool:
    """Send newline-separated assignments to the service manager (sd_notify(3)); whether there is one. OSError."""
    if not (address := os.environ.get("NOTIFY_SOCKET")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.send(status.encode())
    return True
