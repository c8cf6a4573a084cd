"""A unit with a file descriptor store, as systemd would run it: starts of the helper, and what one leaves to the next.

The manager keeps what it is sent with FDSTORE=1, up to `room`, and passes it to the next start beside the listening
socket. It reads in a thread of its own, since a helper that stops waits for it (BARRIER=1).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...support.helper import OURS, wait_until
from ...support.patience import PATIENCE
from .starts import open_in

_PASS_ON = """\
import fcntl, os, sys
passed = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 100) for number in sys.argv[1].split(",")]
for place, fd in enumerate(passed, 3):
    os.dup2(fd, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


class Manager:
    """What the helper notifies: its messages, and the store."""

    def __init__(self, directory: Path, room: int = 64) -> None:
        self.address = str(directory / "notify")
        self.room = room
        self.messages: list[str] = []
        self.kept: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while True:
            data, fds, _, _ = socket.recv_fds(self._socket, 4096, 16)
            if data == b"end":
                return
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            if "FDSTORE" in fields and len(self.kept) < self.room:
                self.kept += [(fields["FDNAME"], fd) for fd in fds]
                fds = []
            if "FDSTOREREMOVE" in fields:
                self.drop(fields["FDNAME"])
            for fd in fds:
                os.close(fd)
            self.messages.append(data.decode())

    def drop(self, name: str | None = None) -> None:
        """Close what is kept under a name, or all, as when the unit is stopped."""
        gone = [fd for kept, fd in self.kept if name in (None, kept)]
        self.kept = [(kept, fd) for kept, fd in self.kept if fd not in gone]
        for fd in gone:
            os.close(fd)

    def wait_for(self, text: str) -> None:
        """Wait until a message has a text."""
        wait_until(lambda: any(text in message for message in list(self.messages)), what=f"'{text}' to be notified")

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"end", self.address)
        self._thread.join()
        self.drop()
        self._socket.close()


class Unit:
    """The unit, listening, not started."""

    def __init__(self, directory: Path, env: Mapping[str, str] | None = None, room: int = 64) -> None:
        self.path = directory / "helper.sock"
        self.log = directory / "helper.log"
        self.manager = Manager(directory, room)
        self.env = dict(env or {})
        self.processes: list[subprocess.Popen[bytes]] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(1024)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The start that came last."""
        return self.processes[-1]

    def start(self, *options: str, command: Sequence[str] = OURS) -> None:
        """Start the helper, and wait until it says that it is ready."""
        self.launch(*options, command=command)
        self.manager.wait_for("READY=1")

    def launch(self, *options: str, command: Sequence[str] = OURS) -> None:
        """Start the helper."""
        self.manager.messages.clear()
        names, fds = ["prhelper.socket"], [self._listening.fileno()]
        for name, fd in self.manager.kept:
            names.append(name)
            fds.append(fd)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PASS_ON, ",".join(map(str, fds)), ":".join(names), *command, *options],
                env={**os.environ, "NOTIFY_SOCKET": self.manager.address, **self.env},
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)

    def descriptors(self) -> list[str]:
        """What the process has open, clients' connections and all."""
        return open_in(self.process.pid)

    def tell(self) -> None:
        """Tell it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Tell it to stop, and wait for that."""
        self.tell()
        assert self.process.wait(PATIENCE) == 0, self.output()

    def restart(self, *options: str) -> None:
        """As `systemctl restart`."""
        self.stop()
        self.start(*options)

    def output(self) -> str:
        """The log so far."""
        return self.log.read_text(errors="replace")

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until the log has a text."""
        wait_until(lambda: self.output().count(text) >= times, what=f"'{text}' in the log")

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.manager.close()
        self._listening.close()
