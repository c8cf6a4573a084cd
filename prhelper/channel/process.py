"""A child process: started with its signals in order, waited for by any thread."""

import contextlib
import fcntl
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from .descriptors import OwnedFd

_IGNORED_AT_START = {each for each in signal.valid_signals() if signal.getsignal(each) is signal.SIG_IGN} - {
    signal.SIGPIPE,
    signal.SIGXFSZ,
}
"""The signals that this process inherited as ignored (nohup, say). Python itself ignores the two."""


class Process:
    """Starts a program, found in PATH, and owns the process until `wait` has its status. Raises OSError.

    No signal is blocked in it, and only those ignored that were when this module was imported. Otherwise a signal that
    the calling thread blocks, SIGTERM perhaps, could not end it.

    streams: its descriptors 0 and 1, borrowed; /dev/null where there is none. It inherits standard error and no other
        descriptor.
    returncode: its exit status, negative for a signal, as in `subprocess`; None until `watch` or `wait` finds it ended.
    """

    def __init__(self, arguments: Sequence[str | Path], streams: Mapping[int, OwnedFd]) -> None:
        self._reaping = threading.Lock()
        self.returncode: int | None = None
        with contextlib.ExitStack() as copies:
            actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = []
            for number in 0, 1:
                if number in streams:
                    copy = copies.enter_context(_duplicate_above_stdio(streams[number]))
                    actions.append((os.POSIX_SPAWN_DUP2, copy.fileno(), number))
                else:
                    actions.append((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0))
            actions += [(os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()]
            self.pid = os.posix_spawnp(
                os.fspath(arguments[0]),
                [os.fspath(each) for each in arguments],
                os.environ,
                file_actions=actions,
                setsigmask=(),
                setsigdef=signal.valid_signals() - _IGNORED_AT_START - {signal.SIGKILL, signal.SIGSTOP},
            )

    def watch(self) -> OwnedFd | None:
        """A descriptor that becomes readable when the process ends; None if it has."""
        with self._reaping:  # until it is reaped, its PID is not reused
            self._reap(os.WNOHANG)
            if self.returncode is not None:
                return None
            return OwnedFd(os.pidfd_open(self.pid))

    def wait(self) -> None:
        """Wait until it has ended, which sets `returncode`."""
        with self._reaping:
            self._reap(0)

    def _reap(self, options: int) -> None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:  # with SIGCHLD ignored the kernel keeps no status
                self.returncode = 0
            else:
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)


def _duplicate_above_stdio(fd: OwnedFd) -> OwnedFd:
    """A duplicate that replacing the standard streams, one after another, does not overwrite."""
    return OwnedFd(fcntl.fcntl(fd.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


def _inheritable() -> list[int]:
    """Descriptors beyond the standard streams without O_CLOEXEC: opened by code that is not Python's."""
    found = []
    for fd in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        with contextlib.suppress(OSError):  # the listing's own
            if fd > 2 and os.get_inheritable(fd):
                found.append(fd)
    return found
