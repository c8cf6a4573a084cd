"""A daemon that is not root, and the multipath worker behind it.

There are no maps here: the daemon is made to take /dev/zero for one, and nothing else of it is changed. What the worker
then makes of /dev/zero is its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...support.client import Client, Reply
from ...support.fake_device import HANGING, HEALTHY, PATTERN, FakeDevice
from ...support.helper import OURS, Helper
from ...support.patience import PATIENCE
from ...support.spc import CHECK_CONDITION, GOOD, keys, reserve_in, reserve_out, sense_code

AS_A_MAP = """\
import sys
from pathlib import Path
from prhelper import cli
from prhelper.device.identity import DeviceId
from prhelper.device.multipath import link
from prhelper.device.stack import Stack

ask = DeviceId.stack_below
def stack_below(device):
    return Stack(frozenset({Path("/sys/block/dm-0")}), frozenset()) if device.number == "1:5" else ask(device)

DeviceId.stack_below = stack_below
link.MAX_GREETING = float(sys.argv.pop(1))
sys.exit(cli.main())
"""

AS_ANOTHER_USER = ("-u", "nobody") if os.geteuid() == 0 else ()

TRY_AGAIN = (0x0B, 0x08, 0x00)


class Daemon:
    """A daemon that is not root. Of its clients' devices, /dev/zero is a map, and /dev/null any other disk.

    worker: the path of the worker's socket, whether there is a worker or not.
    """

    def __init__(self, library: Path, directory: Path, worker: Path, greeting: float, *options: str) -> None:
        folder = directory / "daemon"
        folder.mkdir(mode=0o755)
        self.device = FakeDevice(library, folder)
        command = [sys.executable, "-I", "-c", AS_A_MAP, str(greeting)]
        fixed = ["--multipath-socket", str(worker), *AS_ANOTHER_USER]
        self.helper = Helper(folder, command, [*fixed, *options], self.device.env)
        self.rest = self.helper.rest()
        self.map = os.open(HANGING, os.O_RDWR)
        self.disk = os.open(HEALTHY, os.O_RDWR)

    def connect(self, timeout: float = PATIENCE) -> Client:
        return Client(self.helper.socket, timeout=timeout)

    def ask(self, client: Client) -> None:
        """Send a command for the map, and do not wait for the answer."""
        client.send(reserve_out(1, 3), [self.map])
        client.send(keys(0xABC))

    def check_served(self, client: Client) -> None:
        """A command for a disk that is no map is carried out by the daemon itself."""
        reply = client.command(self.disk, reserve_in(0, 64))
        assert (reply.status, reply.payload) == (GOOD, PATTERN[:64])

    def close(self) -> None:
        self.helper.__exit__()
        os.close(self.map)
        os.close(self.disk)


@contextmanager
def worker(library: Path, directory: Path, *options: str) -> Iterator[tuple[Helper, FakeDevice]]:
    """The real worker, which needs root, and what its devices do."""
    folder = directory / "worker"
    folder.mkdir(mode=0o755, exist_ok=True)
    device = FakeDevice(library, folder)
    fixed = ["--multipath-worker", "--socket-mode", "666", "--state-directory", str(folder / "state")]
    with Helper(folder, OURS, [*fixed, *options], device.env) as helper:
        try:
            yield helper, device
        finally:
            device.release()


def check_try_again(reply: Reply) -> None:
    """The client has an answer that clusters retry."""
    assert (reply.status, sense_code(reply.sense)) == (CHECK_CONDITION, TRY_AGAIN)
    assert reply.payload == b""
