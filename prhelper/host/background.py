"""Going into the background, with a parent that waits and reports how the start went (daemon(7), "SysV daemons")."""

import contextlib
import os
import signal
from typing import NoReturn

_LAST_STANDARD_FD = 2


def open_standard_descriptors() -> None:
    """Open /dev/null as 0, 1 and 2 where they are closed, or the first files opened would get these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD_FD:
        os.set_inheritable(fd, True)
    os.close(fd)


class Background:
    """The daemon's end of the pipe to the waiting parent, and /dev/null, so that `tell_ready` needs nothing more."""

    def __init__(self, report: int, null: int) -> None:
        self._report = report
        self._null = null

    def tell_ready(self) -> None:
        """Let the parent exit with status 0, and detach from its terminal."""
        for standard in (0, 1, 2):
            os.dup2(self._null, standard)
        os.close(self._null)
        with contextlib.suppress(BrokenPipeError):  # the parent was killed; the daemon goes on
            os.write(self._report, b"\0")
        os.close(self._report)


def go_into_background() -> Background:
    """Fork. Returns in the child, the leader of a new session; the parent never returns.

    The parent waits for `tell_ready` and exits with 0. If the child dies first, the parent exits with 1; the child has
    said why on the standard error that both share. A signal kills the parent only, as it would any program.
    Raises OSError if the process cannot fork.
    """
    reading, report = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    if os.fork():
        _wait_and_exit(reading, report)
    os.close(reading)
    os.setsid()
    os.chdir("/")
    return Background(report, null)


def _wait_and_exit(reading: int, report: int) -> NoReturn:
    """Exit the parent. All it made belongs to the child now, so nothing is cleaned up, whatever happens here."""
    status = 1
    try:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.close(report)
        status = 0 if os.read(reading, 1) else 1
    finally:
        os._exit(status)
