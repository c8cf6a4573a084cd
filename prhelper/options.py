"""What the command line asks for, as checked values."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

DEFAULT_SOCKET = Path("/run/qemu-pr-helper.sock")
DEFAULT_MULTIPATH_SOCKET = Path("/run/prhelper-multipath.sock")
DEFAULT_PIDFILE = Path("/run/qemu-pr-helper.pid")
WORKER_PIDFILE = Path("/run/prhelper-multipath.pid")
DEFAULT_STATE_DIRECTORY = Path("/var/lib/prhelper")
WORKER_STATE_DIRECTORY = Path("/var/lib/prhelper-multipath")


class Options(NamedTuple):
    """Every option. Times are in seconds; None means that the option was not given."""

    socket: Path | None = None
    pidfile: Path | None = None
    daemon: bool = False
    user: str | None = None
    group: str | None = None
    trace: Sequence[str] = ()
    verbosity: int = 0
    timeout: float = 60.0
    request_timeout: float = 10.0
    stop_timeout: float = 30.0
    max_clients: int = 2048
    max_clients_per_process: int = 512
    socket_mode: int = 0o600
    control: Path | None = None
    log: str = "auto"
    replace: bool = False
    multipath: str = "auto"
    multipath_in_turn: bool = False
    multipath_socket: Path = DEFAULT_MULTIPATH_SOCKET
    multipath_worker: bool = False
    emulate: str | None = None
    emulate_nexus: str = "process"
    state_directory: Path | None = None
