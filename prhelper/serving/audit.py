"""What is told of each client and each command: to the log, to the traces, to the status.

Every request and every answer passes through here, and nothing else does.
"""

import logging
import threading
import time

from ..device.execution import Execution
from ..device.identity import DeviceId
from ..host.peer import Peer
from ..logs import trace
from ..logs.handler import BYTES
from ..scsi.outcome import NO_SENSE
from ..scsi.reservation import Command
from ..scsi.sense import Sense
from ..scsi.status import status_name

_log = logging.getLogger(__name__)

_OUT_LINES = 200
"""Lines a minute for one account's PERSISTENT RESERVE OUT: a failover of many disks at once is written whole."""


class Counters:
    """How much has been done, over all clients."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.commands = 0

    def count(self) -> None:
        """One command more."""
        with self._lock:
            self.commands += 1


class ClientObserver:
    """Watches one client's session. `number` tells connections of one process apart."""

    def __init__(self, number: int, peer: Peer, counters: Counters) -> None:
        self.number = number
        self.peer = peer
        self._counters = counters
        self._in_flight: tuple[Command, float] | None = None
        self._device: DeviceId | None = None

    def in_flight(self) -> str | None:
        """The command that is being carried out now, and for how long; None if there is none."""
        if (now := self._in_flight) is None:
            return None
        command, began = now
        return f"{self.peer}: {_name(self._device)}: {command}, for {time.monotonic() - began:.0f} s"

    def begun(self, command: Command) -> None:
        """A request is whole and is being carried out."""
        self._device = None
        self._in_flight = command, time.monotonic()
        if trace.request_begin.enabled:
            trace.request_begin(self.number, command.cdb.hex(), command.parameter_list.hex() or "-")

    def identified(self, device: DeviceId) -> None:
        """Which device it goes to."""
        self._device = device

    def done(self, execution: Execution) -> None:
        """A command is over, and its answer goes out next."""
        self._in_flight = None
        self._counters.count()
        outcome = execution.outcome
        if trace.request_end.enabled:
            trace.request_end(self.number, outcome.status, outcome.sense.hex(), outcome.data.hex() or "-")
        if execution.trouble is not None:
            self._log_trouble(execution)
        if execution.command.is_out:
            self._log_command(logging.INFO, execution, ("out", _OUT_LINES))
        else:
            self._log_command(logging.DEBUG, execution, None)
        if _log.isEnabledFor(BYTES):
            self._log_bytes(execution)

    def _log_command(self, level: int, execution: Execution, repeat: tuple[str, int] | None) -> None:
        if not _log.isEnabledFor(level):
            return
        fields = {
            "client_pid": str(self.peer.pid),
            "client_uid": str(self.peer.uid),
            "client_comm": self.peer.name,
            **_fields(execution),
        }
        text = (
            f"{self.peer}: {fields['device']}: {execution.command}: {fields['status']}"
            f"{', ' * bool(fields['sense'])}{fields['sense']}, {execution.seconds * 1000:.1f} ms"
        )
        _log.log(level, "%s", text, extra={"fields": fields, "account": self.peer.account, "repeat": repeat})

    def _log_bytes(self, execution: Execution) -> None:
        command, outcome = execution.command, execution.outcome
        for text in (
            f"cdb {command.cdb.hex(' ')}, parameter list {command.parameter_list.hex(' ') or '-'}",
            f"sense {outcome.sense.hex(' ')}, data {outcome.data.hex(' ') or '-'}",
        ):
            extra = {"account": self.peer.account}
            _log.log(BYTES, "%s: %s: %s", self.peer, _name(execution.device), text, extra=extra)

    def _log_trouble(self, execution: Execution) -> None:
        # Not a kind for each text: a file system of the client's own answers with any errno it likes.
        extra = {"account": self.peer.account, "repeat": ("refused" if execution.error is None else "failed", 3)}
        _log.error("%s: %s: %s", self.peer, _name(execution.device), execution.trouble, extra=extra)


def _fields(execution: Execution) -> dict[str, str]:
    return {
        **_command_fields(execution.command),
        "device": _name(execution.device) + (", emulated" if execution.emulated else ""),
        "status": status_name(execution.outcome.status),
        "sense": _sense(execution),
        "duration_usec": str(round(execution.seconds * 1_000_000)),
    }


def _name(device: DeviceId | None) -> str:
    return "unknown device" if device is None else str(device)


def _sense(execution: Execution) -> str:
    if execution.outcome.sense == NO_SENSE:
        return ""
    sense = Sense.parse(execution.outcome.sense)
    return str(sense) if sense else f"sense data {execution.outcome.sense[:32].hex(' ')}"


def _command_fields(command: Command) -> dict[str, str]:
    fields = {"action": command.action_name}
    if command.is_out:
        fields |= {"type": command.type_name, "scope": command.scope_name}
    if command.keys is not None:
        fields |= {"key": f"{command.keys[0]:#x}", "service_action_key": f"{command.keys[1]:#x}"}
    return fields
