"""What the control socket tells, and does not change between start and end."""

from typing import NamedTuple


class Multipath(NamedTuple):
    """mode: of --multipath. handled: "here", "worker" on that socket, or "no" for that reason."""

    mode: str
    handled: str
    socket: str | None = None
    reason: str | None = None


class Facts(NamedTuple):
    """As in `io.prhelper.Control.varlink`. Times in seconds; started_at of `time.time`."""

    version: str
    role: str
    started_at: float
    socket: str | None
    sends_commands: bool
    emulate: str | None
    open_files: int
    command_timeout: float
    request_timeout: float
    stop_timeout: float
    multipath: Multipath
