"""A command that has ended, as it is remembered: who asked, which device, what, and how it ended."""

import time
from typing import NamedTuple, Protocol

from ..device.execution import Result
from ..device.identity import DeviceId
from ..host.machine_name import MachineName
from ..host.peer import Peer
from ..scsi.reservation import Command


class Asking(Protocol):
    """A client: see `clients.Client`."""

    number: int
    asker: Peer
    machine_name: MachineName | None


class Ended(NamedTuple):
    """One command. Immutable, and made of plain values: it keeps no descriptor open and no connection alive.

    at: when it ended (`time.time`). client: the number of the connection.
    """

    at: float
    client: int
    peer: Peer
    machine_name: MachineName | None
    device: DeviceId | None
    command: Command
    result: Result

    @classmethod
    def now(cls, client: Asking, command: Command, device: DeviceId | None, result: Result) -> "Ended":
        """A command that has just ended; the data that it read is dropped."""
        if result.outcome.data:
            result = result._replace(outcome=result.outcome._replace(data=b""))
        return cls(time.time(), client.number, client.asker, client.machine_name, device, command, result)
