"""systemd's socket activation where systemd-python is not installed: the same function."""

import os

_FIRST_FD = 3


def listen_fds(unset_environment: bool = True) -> list[int]:
    """The descriptors passed to this process (sd_listen_fds(3)); empty if there are none."""
    try:
        pid, count = int(os.environ["LISTEN_PID"]), int(os.environ["LISTEN_FDS"])
    except (KeyError, ValueError):
        pid = count = 0
    if unset_environment:
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            os.environ.pop(name, None)
    return list(range(_FIRST_FD, _FIRST_FD + count)) if pid == os.getpid() else []
