"""What is known of clients and devices as JSON, in the types of `io.prhelper.Control.varlink`."""

import time

from ..device.identity import DeviceId
from ..host.machine_name import MachineName
from ..host.peer import Peer
from ..scsi.reservation import Command
from ..scsi.status import status_name
from ..serving.clients import Client, InFlight
from ..serving.ended import Ended, command_fields, machine_fields, sense_in_words
from ..serving.registrations import Registration
from ..serving.seen import NOT_SENT, SeenDevice
from .names import DeviceNames

Json = dict[str, object]

_MICROSECONDS = 1_000_000


def usec(seconds: float) -> int:
    """Microseconds."""
    return round(seconds * _MICROSECONDS)


def process(peer: Peer, machine_name: MachineName | None) -> Json:
    """A Process."""
    who = {"pid": peer.pid, "uid": peer.uid, "comm": peer.name, "unit": peer.account}
    return {**who, **machine_fields(machine_name)}


def command(asked: Command) -> Json:
    """A Command."""
    return {"text": str(asked), "is_out": asked.is_out, **command_fields(asked)}


def device(identity: DeviceId | None, names: DeviceNames, map_name: str | None, wwid: str | None = None) -> Json | None:
    """A Device. map_name, wwid: of the multipath map that a command has gone to."""
    if identity is None:
        return None
    words: Json = {"kind": identity.kind}
    if identity.is_device:
        known = names.of(identity)
        words |= {"number": identity.number, "name": known.name, "wwid": wwid or known.wwid, "map": map_name}
    return words


def client(one: Client, names: DeviceNames) -> Json:
    """A Client."""
    words: Json = {
        "number": one.number,
        "process": process(one.asker, one.machine_name),
        "connected_at": usec(one.connected_at),
        "commands": one.commands,
    }
    if (in_flight := one.in_flight) is not None:
        words["in_flight"] = _in_flight(in_flight, names)
    return words


def _in_flight(one: InFlight, names: DeviceNames) -> Json:
    return {
        "command": command(one.command),
        "device": device(one.device, names, None),
        "for_usec": usec(time.monotonic() - one.since),
    }


def event(ended: Ended, names: DeviceNames) -> Json:
    """An Event."""
    result = ended.result
    map_name, wwid = (result.note.map_name, result.note.wwid) if result.note else (None, None)
    return {
        "at": usec(ended.at),
        "client": ended.client,
        "process": process(ended.peer, ended.machine_name),
        "device": device(ended.device, names, map_name, wwid),
        "command": command(ended.command),
        "status": status_name(result.outcome.status),
        "sense": sense_in_words(result.outcome.sense),
        "trouble": result.trouble,
        "emulated": result.emulated,
        "duration_usec": usec(result.seconds),
    }


def seen_device(nodes: list[DeviceId], seen: SeenDevice, names: DeviceNames, connected: set[Peer]) -> Json:
    """A SeenDevice. connected: who asks now."""
    told = [device(each, names, seen.map_name, seen.wwid) for each in nodes]
    return {
        "device": told[0],
        "nodes": told,
        "first_at": usec(seen.first_at),
        "last_at": usec(seen.last_at),
        "commands": sum(seen.outcomes.values()),
        "outcomes": {_outcome(status): count for status, count in seen.outcomes.items()},
        "slowest": event(seen.slowest, names) if seen.slowest else None,
        "last": event(seen.last, names) if seen.last else None,
        "registrations": [_registration(one, connected) for one in seen.registrations],
    }


def _outcome(status: int) -> str:
    return "not sent" if status == NOT_SENT else status_name(status)


def _registration(one: Registration, connected: set[Peer]) -> Json:
    return {
        "at": usec(one.at),
        "client": one.client,
        "process": process(one.peer, one.machine_name),
        "key": f"{one.key:#x}",
        "addresses": sorted(one.addresses),
        "connected": one.peer in connected,
    }
