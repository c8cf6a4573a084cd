"""What goes over the wire, in words."""

import struct

from prhelper.scsi.reservation import Command, InAction, OutAction, ReservationType
from prhelper.scsi.sense import Sense
from prhelper.scsi.status import Status, status_name
from tests.support.client import Reply
from tests.support.spc import keys, reserve_in, reserve_out

TYPE = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY


def out(action: OutAction, key: int = 0, service_action_key: int = 0) -> Command:
    """A PERSISTENT RESERVE OUT command of the story."""
    takes_type = action in (OutAction.RESERVE, OutAction.PREEMPT)
    return Command(reserve_out(action, TYPE if takes_type else 0), keys(key, service_action_key))


def read(action: InAction) -> Command:
    """A PERSISTENT RESERVE IN command of the story."""
    return Command(reserve_in(action))


def meaning(command: Command, reply: Reply) -> str:
    """The answer to a command, as the standard names it."""
    if reply.status == Status.CHECK_CONDITION:
        return f"CHECK CONDITION, sense {Sense.parse(reply.sense)}"
    if reply.status != Status.GOOD or command.is_out:
        return status_name(reply.status)
    return f"GOOD: {_reservation(reply.payload)}"


def colour(reply: Reply) -> str:
    """Green for GOOD, yellow for what wants attention, red for a refusal."""
    return {Status.GOOD: "green", Status.CHECK_CONDITION: "yellow"}.get(Status(reply.status), "red")


def _reservation(data: bytes) -> str:
    """The parameter data of READ RESERVATION (SPC-4, 6.15.3)."""
    generation, length = struct.unpack_from(">II", data)
    if length == 0:
        return f"generation {generation}, no reservation"
    key, kind = struct.unpack_from(">Q5xB", data, 8)
    name = ReservationType(kind & 0x0F).name.replace("_", " ")
    return f"generation {generation}, {name}, held by key {key:#x}"
