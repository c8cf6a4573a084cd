"""The nodes of the cluster, as the story directs them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from prhelper.scsi.reservation import Command
from tests.support.client import Reply


class Node:
    """A process that has the disk open and a connection to the helper. A context manager: leaving it ends the process.

    The helper tells initiators apart by their processes, so each node is an initiator of its own.
    """

    def __init__(self, name: str, socket: Path, disk: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo.node", str(socket), str(disk)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._receive()  # it is connected

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, command: Command) -> None:
        """Have it send a command, whenever it comes to it."""
        assert self._process.stdin is not None
        line = json.dumps([command.cdb.hex(), command.parameter_list.hex()])
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def reply(self) -> Reply:
        """Wait for the answer."""
        status, sense, payload = self._receive()
        return Reply(status, bytes.fromhex(sense), bytes.fromhex(payload))

    def stop(self) -> None:
        """Let it hang, as a machine does that is stalled; on return it does."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def wake(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
