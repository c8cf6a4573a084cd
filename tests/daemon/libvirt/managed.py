"""The helper as libvirt starts and stops it for `<reservations managed='yes'>`, step by step, without libvirt.

The start is qemuProcessStartManagedPRDaemon's, with a daemonized virCommand:

* the arguments are `-k SOCKET` and nothing more; the environment is the whole one of virtqemud;
* the process is in a session of its own, in /, and its parent has ended;
* standard input and output are /dev/null; standard error is a pipe, which is read only if the start fails;
* libvirt's pidfile is open in it, locked by it (F_SETLK on its first byte), with its number inside;
* the start has succeeded once the socket file exists. Then the pipe is closed.

The stop is virPidFileForceCleanupPath's: a pidfile that can be locked belongs to no process; else SIGTERM, and SIGKILL
after a while.
"""

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...support.fake_device import FakeDevice
from ...support.helper import OURS, is_listening, wait_until

_EXEC = """\
import fcntl, os, signal, sys
pidfile, *command = sys.argv[1:]
waiting, telling = os.pipe()
os.setsid()
os.chdir("/")
if os.fork():
    os.close(telling)
    os._exit(0 if os.read(waiting, 1) else 1)
locked = os.open(pidfile, os.O_WRONLY | os.O_CREAT, 0o644)
fcntl.lockf(locked, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
os.ftruncate(locked, 0)
os.write(locked, str(os.getpid()).encode())
os.set_inheritable(locked, True)
os.write(telling, b"1")
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv(command[0], command)
"""

_MOST_OF_THE_REASON = 1023
"""Bytes of standard error that libvirt shows."""


class StartFailedError(Exception):
    """The helper died before it listened; the text is what libvirt would show."""


class TakenForDeadError(Exception):
    """Nothing holds the pidfile's lock, so libvirt would end no process."""


class Managed:
    """A helper of libvirt's.

    directory: with `lib` for the socket, and `run` for the pidfile.
    within: a command that runs the rest in the machine's mount namespace, as libvirt's hook before exec does.
    """

    def __init__(self, directory: Path, env: Mapping[str, str], within: Sequence[str] = ()) -> None:
        self.socket = directory / "lib/pr-helper0.sock"
        self.pidfile = directory / "run/1-machine-pr-helper0.pid"
        self.socket.unlink(missing_ok=True)
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as errors:
            self._exec([*within, *OURS, "-k", str(self.socket)], writing, env)
            self.pid = int(self.pidfile.read_text())
            self._pidfd = os.pidfd_open(self.pid)
            wait_until(lambda: self.socket.exists() or self.has_ended(), what="the socket file")
            if not self.socket.exists():
                self.close()
                raise StartFailedError(errors.read(_MOST_OF_THE_REASON).decode())
        # Now libvirt labels the file, and lets QEMU start; all that takes longer than from bind(2) to listen(2).
        wait_until(lambda: is_listening(self.socket) or self.has_ended(), what="the helper to listen")

    def _exec(self, command: Sequence[str], stderr: int, env: Mapping[str, str]) -> None:
        try:
            subprocess.run(
                [sys.executable, "-I", "-c", _EXEC, str(self.pidfile), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, **env},
                check=True,
            )
        finally:
            os.close(stderr)

    def has_ended(self, timeout: float = 0.0) -> bool:
        """Whether the process has ended, or does within some seconds."""
        return bool(select.select([self._pidfd], [], [], timeout)[0])

    def is_taken_for_alive(self) -> bool:
        """Whether libvirt would believe that the helper runs: the pidfile is locked."""
        with self.pidfile.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
            except BlockingIOError:
                return True
        return False

    def tell_to_stop(self) -> None:
        """The first half of libvirt's stop. Raises TakenForDeadError."""
        if not self.is_taken_for_alive():
            raise TakenForDeadError
        signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    def kill(self) -> None:
        """The second half, after 10 s without an end; or something else that ends the process at once."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        assert self.has_ended(20.0), "SIGKILL did not end it"

    def close(self) -> None:
        if self._pidfd >= 0:
            if not self.has_ended():
                self.kill()
            os.close(self._pidfd)
            self._pidfd = -1


class Machine:
    """A virtual machine's directory, and the environment of virtqemud, which every helper inherits."""

    def __init__(self, directory: Path, device: FakeDevice, env: Mapping[str, str]) -> None:
        self.directory = directory
        (directory / "lib").mkdir()
        (directory / "run").mkdir()
        self.device = device
        self.env = {**device.env, **env}
        self._started: list[Managed] = []

    def start_helper(self, within: Sequence[str] = ()) -> Managed:
        """Start a helper, also in place of one that has died. Raises StartFailedError."""
        self._started.append(Managed(self.directory, self.env, within))
        return self._started[-1]

    def close(self) -> None:
        self.device.release()
        for helper in self._started:
            helper.close()
