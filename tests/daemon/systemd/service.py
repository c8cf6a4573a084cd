"""The helper as systemd starts it, without systemd: sockets passed from descriptor 3 on, and a notification socket.

COMMANDS has the two implementations of `listen_fds`: systemd-python's, and the built-in one, which is used where that
is not installed. Here the package is hidden.
"""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...support.helper import OURS

_HIDDEN = "import sys; sys.modules['systemd'] = None; from prhelper.cli import main; sys.exit(main())"

COMMANDS = {"systemd-python": OURS, "built-in": (sys.executable, "-I", "-c", _HIDDEN)}

_PASS_ON = """\
import fcntl, os, sys
passed = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 100) for number in sys.argv[1].split(",")]
for place, fd in enumerate(passed, 3):
    os.dup2(fd, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)))
os.execv(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def started(
    command: Sequence[str], fds: Sequence[int], options: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A helper that is passed descriptors as systemd passes them."""
    numbers = ",".join(map(str, fds))
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _PASS_ON, numbers, *command, *options],
        pass_fds=fds,
        env={**os.environ, **(env or {})},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class ServiceManager:
    """The other end of NOTIFY_SOCKET: every message, in order. `abstract` gives it a name instead of a path."""

    def __init__(self, directory: Path, abstract: bool = False) -> None:
        name = str(directory / "notify")
        self.address = f"@{name}" if abstract else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name}" if abstract else name)
        self._socket.settimeout(20.0)

    def next(self) -> str:
        """Wait for a message."""
        return self._socket.recv(4096).decode()

    def wait_for(self, text: str) -> list[str]:
        """Wait for a message that begins so: all up to it."""
        messages = [self.next()]
        while not messages[-1].startswith(text):
            messages.append(self.next())
        return messages

    def waiting(self) -> list[str]:
        """What has come and was not looked at yet."""
        messages = []
        while select.select([self._socket], [], [], 0)[0]:
            messages.append(self.next())
        return messages

    def close(self) -> None:
        self._socket.close()
