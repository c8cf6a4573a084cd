"""Writes the log lines and trace events about clients and their commands.

Every request and every answer passes through here, and nothing else does. A line about a command is worded by the log's
thread (`CommandLine`): looking up names and formatting would take longer than a fast device does.
"""

import errno
import functools
import logging
import time
from typing import NamedTuple

from ..channel import BrokenResourceError, DescriptorsTruncatedError, IncompleteRead
from ..device.execution import Note, Result
from ..device.identity import DeviceId
from ..host.machine_name import MachineName
from ..host.peer import Peer
from ..logs import trace
from ..logs.handler import BYTES
from ..logs.lazy import log_lazily
from ..logs.record import LazyMessage, Limit, at_most, unlimited
from ..protocol import Origin, ProtocolError
from ..scsi.outcome import NO_SENSE
from ..scsi.reservation import Command
from ..scsi.sense import Sense
from ..scsi.status import status_name
from .clients import Client, Full, named
from .end import AnswerLostError, End

_log = logging.getLogger(__name__)

MAX_OUT_LINES = 200
"""Lines per minute for one account's PERSISTENT RESERVE OUT: a failover of many disks at once is logged in full."""

_OUT_LINES = Limit("out", MAX_OUT_LINES)

REMEDIES = {
    errno.EMFILE: "raise the limit of open files (LimitNOFILE=, ulimit -n)",
    errno.ENFILE: "raise the limit of open files of the system (fs.file-max)",
    errno.ENOSPC: "raise the limit of watched files (fs.epoll.max_user_watches)",
}
"""By errno: the remedy when a client cannot be accepted or watched."""


def refused(peer: Peer, full: Full) -> None:
    """A connection was turned away at a limit."""
    _log.warning("%s was turned away: %s", peer, full, extra=at_most(1, "full", peer.account))
    trace.client_refused(peer)


def gone(error: OSError) -> None:
    """A connection was turned away, for the process that made it has ended."""
    _log.debug("turned away: %s", error.strerror, extra=at_most(3, "gone"))


def connected(client: Client) -> None:
    """A client has connected."""
    trace.client_connect(client.number, client.peer)


def begun(client: Client, command: Command) -> None:
    """A complete request is being carried out."""
    if trace.request_begin.enabled:
        trace.request_begin(client.number, command.cdb.hex(), command.parameter_list.hex() or "-")


def speaks_for(client: Client, origin: Origin) -> None:
    """A daemon has sent a request on behalf of one of its own clients."""
    trace.client_origin(client.number, origin.number, client.asker)


def done(client: Client, command: Command, device: DeviceId | None, result: Result) -> None:
    """A command has ended, and its answer has been sent or lost."""
    outcome = result.outcome
    if trace.request_end.enabled:
        trace.request_end(client.number, outcome.status, outcome.sense.hex(), outcome.data.hex() or "-")
    account = client.asker.account
    if result.trouble is not None:
        # One kind for all texts: a client's own file system can answer with any errno.
        kind = "refused" if result.error is None else "failed"
        _log.error("%s: %s: %s", client, _name(device), result.trouble, extra=at_most(3, kind, account))
    if result.note is not None:
        for remark in result.note.remarks:
            _log.warning("map %s: %s", result.note.map_name, remark, extra=at_most(3, "multipath", account))
    level, limit = (logging.INFO, _OUT_LINES) if command.is_out else (logging.DEBUG, None)
    log_lazily(_log, level, CommandLine(client.asker, client.machine_name, command, device, result), account, limit)
    if _log.isEnabledFor(BYTES):
        _log_bytes(client, command, device, outcome.sense, outcome.data)


def ended(client: Client, end: End | BaseException) -> None:
    """A conversation has ended: why, or with which error."""
    trace.client_end(client.number, end.value if isinstance(end, End) else str(end) or type(end).__name__)
    peer = client.peer
    account = peer.account
    if isinstance(end, DescriptorsTruncatedError):
        text = "%s passed %s; hung up (LimitNOFILE=, ulimit -n; the policy of AppArmor or SELinux)"
        _log.warning(text, peer, end, extra=at_most(3, "truncated", account))
    elif isinstance(end, End | BrokenResourceError | IncompleteRead):
        return
    elif isinstance(end, ProtocolError):
        _log.warning("%s %s; hung up", peer, end, extra=at_most(3, "protocol", account))
    elif isinstance(end, AnswerLostError):
        _log.warning("%s %s; hung up", peer, end, extra=at_most(3, "lost", account))
    elif isinstance(end, TimeoutError):
        text = "%s took too long over the negotiation or a request (--request-timeout); hung up"
        _log.warning(text, peer, extra=at_most(3, "slow", account))
    elif isinstance(end, OSError):
        text, remedy = "%s was turned away: %s; %s", REMEDIES.get(end.errno or 0, "it may try again")
        _log.error(text, peer, end.strerror, remedy, extra=at_most(1, "trouble", account))
    else:
        text = "%s: a bug ended the session; please report it"
        _log.critical(text, peer, exc_info=end, extra=at_most(3, "bug", account))


class _Line(NamedTuple):
    peer: Peer
    machine_name: MachineName | None
    command: Command
    device: DeviceId | None
    result: Result


class CommandLine(_Line, LazyMessage):
    """The line about one command, worded by the log's thread as it writes it."""

    __slots__ = ()

    def size(self) -> int:
        """See `LazyMessage`."""
        return len(self.command.parameter_list) + len(self.result.outcome.data)

    def words(self) -> tuple[str, dict[str, str]]:
        """Who asked, which device, what, and how it ended."""
        outcome = self.result.outcome
        status, sense = status_name(outcome.status), sense_in_words(outcome.sense)
        fields = {
            "client_pid": str(self.peer.pid),
            "client_uid": str(self.peer.uid),
            "client_comm": self.peer.name,
            **_machine_fields(self.machine_name),
            **_command_fields(self.command),
            **_device_fields(self.device),
            "emulated": str(int(self.result.emulated)),
            "status": status,
            "sense": sense,
            "duration_usec": str(round(self.result.seconds * 1_000_000)),
            **_note_fields(self.result.note),
        }
        device = _name(self.device) + ", emulated" * self.result.emulated
        how = f"{status}, {sense}" if sense else status
        took = f"{self.result.seconds * 1000:.1f} ms"
        who = named(self.peer, self.machine_name)
        return f"{who}: {device}: {self.command}: {how}, {took}{_way(self.result.note)}", fields


def _log_bytes(client: Client, command: Command, device: DeviceId | None, sense: bytes, data: bytes) -> None:
    for text in (
        f"cdb {command.cdb.hex(' ')}, parameter list {command.parameter_list.hex(' ') or '-'}",
        f"sense {sense.hex(' ')}, data {data.hex(' ') or '-'}",
    ):
        _log.log(BYTES, "%s: %s: %s", client, _name(device), text, extra=unlimited(client.asker.account))


def _machine_fields(name: MachineName | None) -> dict[str, str]:
    if name is None:
        return {}
    return {"machine_name": name.text, "machine_name_from": "client" if name.claimed else "cgroup"}


def _name(device: DeviceId | None) -> str:
    return "unknown device" if device is None else _names(device, int(time.monotonic()))[0]


def _device_fields(device: DeviceId | None) -> dict[str, str]:
    if device is None:
        return {"device": "unknown"}
    if not device.is_device:
        return {"device": str(device)}
    return {"device": device.number, "device_name": _names(device, int(time.monotonic()))[1]}


def _way(note: Note | None) -> str:
    if note is None:
        return ""
    by = ", ".join(note.used) or "none"
    without = f", not by {', '.join(note.skipped)}" if note.skipped else ""
    return f"; map {note.map_name}, WWID {note.wwid}, by {by}{without}"


def _note_fields(note: Note | None) -> dict[str, str]:
    if note is None:
        return {}
    used, skipped = " ".join(note.used), " ".join(note.skipped)
    return {"map": note.map_name, "wwid": note.wwid, "paths_used": used, "paths_skipped": skipped}


@functools.lru_cache(maxsize=256)
def _names(device: DeviceId, second: int) -> tuple[str, str]:  # noqa: ARG001
    """How a device reads, and its name, as sysfs has them in this second.

    Asking takes some thirty system calls, and with each of them this thread and those that carry out commands take the
    GIL from each other.
    """
    return device.in_words(), device.name() or ""


def sense_in_words(data: bytes) -> str:
    """Sense data for people; empty if there is none."""
    if data == NO_SENSE:
        return ""
    sense = Sense.parse(data)
    return str(sense) if sense else f"sense data {data[:32].hex(' ')}"


def _command_fields(command: Command) -> dict[str, str]:
    fields = {"action": command.action_name}
    if command.is_out:
        fields |= {"type": command.type_name, "scope": command.scope_name}
    if command.keys is not None:
        fields |= {"key": f"{command.keys[0]:#x}", "service_action_key": f"{command.keys[1]:#x}"}
    return fields
