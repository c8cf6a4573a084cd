"""A command that has ended, as it is logged, counted and remembered: who asked, which device, what, and how it ended.

Its words are those of the log's line; the log's thread looks names up and formats, which takes longer than a fast
device does.
"""

import functools
import time
from typing import NamedTuple

from ..device.execution import Note, Result
from ..device.identity import DeviceId
from ..host.machine_name import MachineName, named
from ..host.peer import Peer
from ..logs.record import LazyMessage
from ..scsi.outcome import NO_SENSE
from ..scsi.reservation import Command
from ..scsi.sense import Sense
from ..scsi.status import status_name


class _Ended(NamedTuple):
    at: float
    client: int
    peer: Peer
    machine_name: MachineName | None
    device: DeviceId | None
    command: Command
    result: Result


class Ended(_Ended, LazyMessage):
    """One command. Immutable, and made of plain values: it keeps no descriptor open and no connection alive.

    at: when it ended (`time.time`). client: the number of the connection. peer: who asked.
    """

    __slots__ = ()

    def without_data(self) -> "Ended":
        """The same without the data that it read, to be kept for long."""
        result = self.result
        return self._replace(result=result._replace(outcome=result.outcome._replace(data=b"")))

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
            **machine_fields(self.machine_name),
            **command_fields(self.command),
            **_device_fields(self.device),
            "emulated": str(int(self.result.emulated)),
            "status": status,
            "sense": sense,
            "duration_usec": str(round(self.result.seconds * 1_000_000)),
            **_note_fields(self.result.note),
        }
        device = device_in_words(self.device) + ", emulated" * self.result.emulated
        how = f"{status}, {sense}" if sense else status
        took = f"{self.result.seconds * 1000:.1f} ms"
        who = named(self.peer, self.machine_name)
        return f"{who}: {device}: {self.command}: {how}, {took}{_way(self.result.note)}", fields


def machine_fields(name: MachineName | None) -> dict[str, str]:
    """A machine's name, and whose word it is, as fields; none if it is not known."""
    if name is None:
        return {}
    return {"machine_name": name.text, "machine_name_from": "client" if name.claimed else "cgroup"}


def device_in_words(device: DeviceId | None) -> str:
    """A device for people, as sysfs shows it in this second."""
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


def command_fields(command: Command) -> dict[str, str]:
    """The parts of a command as fields."""
    fields = {"action": command.action_name}
    if command.is_out:
        fields |= {"type": command.type_name, "scope": command.scope_name}
    if command.keys is not None:
        fields |= {"key": f"{command.keys[0]:#x}", "service_action_key": f"{command.keys[1]:#x}"}
    return fields
