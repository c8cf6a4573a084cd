"""read-keys, read-reservation, capabilities, full-status: what PERSISTENT RESERVE IN says of a disk."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from ..client import (
    Capabilities,
    FullStatus,
    HeldReservation,
    Keys,
    Registrant,
    Reservation,
    ReservationType,
    UnitAttention,
    connect,
    run,
)
from .disks import opened
from .output import key_text, print_json, say, table, type_text

_ATTEMPTS = 5
_Value = TypeVar("_Value")


class Reading(NamedTuple):
    """A subcommand. method: of `Client`. text, json: what is printed of its result."""

    name: str
    aliases: tuple[str, ...]
    help: str
    method: str
    text: Callable[[Any], str]
    json: Callable[[Any], dict[str, object]]


def execute(options: argparse.Namespace, command: Reading) -> int:
    """Carry a subcommand out."""
    with opened(options.disk, to_write=False) as (fd, disk):
        value = run(_read(options, command, fd))
    if options.json:
        print_json({"disk": disk.as_json(), **command.json(value)})
    else:
        say(f"{disk}\n{command.text(value)}")
    return 0


async def _read(options: argparse.Namespace, command: Reading, fd: int) -> Any:
    with await connect(options.socket, options.timeout) as client:
        return await reading(getattr(client, command.method), fd)


async def reading(read: Callable[[int], Awaitable[_Value]], fd: int) -> _Value:
    """What an operation that changes nothing returns. Unit attentions, which come before an answer, are passed over."""
    for _ in range(_ATTEMPTS):
        try:
            return await read(fd)
        except UnitAttention:
            continue
    return await read(fd)


def keys_text(keys: Keys) -> str:
    """For people."""
    body = "\n".join(map(key_text, keys.keys)) or "no registrations"
    return f"generation {keys.generation}\n{body}{_more(keys.complete)}"


def keys_json(keys: Keys) -> dict[str, object]:
    """The type Keys of docs/prhelperctl.md."""
    return {"generation": keys.generation, "keys": list(map(key_text, keys.keys)), "complete": keys.complete}


def reservation_text(held: HeldReservation) -> str:
    """For people."""
    if held.reservation is None:
        return f"generation {held.generation}\nno reservation"
    return f"generation {held.generation}\n{reservation_line(held.reservation)}"


def reservation_line(reservation: Reservation) -> str:
    """A reservation in one line."""
    scope = "" if reservation.scope == 0 else f", scope {reservation.scope:#x}"
    holder = "by every registrant" if reservation.is_all_registrants else f"by {key_text(reservation.key)}"
    return f"{type_text(reservation.type)}{scope}, held {holder}"


def reservation_json(held: HeldReservation) -> dict[str, object]:
    """The type HeldReservation of docs/prhelperctl.md."""
    return {"generation": held.generation, "reservation": one_reservation_json(held.reservation)}


def one_reservation_json(reservation: Reservation | None) -> dict[str, object] | None:
    """The type Reservation."""
    if reservation is None:
        return None
    return {"key": key_text(reservation.key), "scope": reservation.scope, "type": type_text(reservation.type)}


def _capability_rows(can: Capabilities) -> list[tuple[str, str]]:
    rows = [
        ("RLR_C", can.rlr_c, "REPLACE LOST RESERVATION"),
        ("CRH", can.crh, "RESERVE and RELEASE of SCSI-2 beside persistent reservations"),
        ("SIP_C", can.sip_c, "registering other initiator ports along (SPEC_I_PT)"),
        ("ATP_C", can.atp_c, "registering with all target ports (ALL_TG_PT)"),
        ("PTPL_C", can.ptpl_c, "registrations that survive a loss of power (APTPL)"),
        ("PTPL_A", can.ptpl_a, "they do so now"),
    ]
    return [(f"{name:6} {'yes' if value else 'no'}", meaning) for name, value, meaning in rows]


def capabilities_text(can: Capabilities) -> str:
    """For people."""
    types = "not told" if can.types is None else "\n       ".join(type_text(each) for each in sorted(can.types))
    return f"{table(('CAN', 'WHAT'), _capability_rows(can))}\nALLOW_COMMANDS {can.allow_commands}\ntypes: {types}"


def capabilities_json(can: Capabilities) -> dict[str, object]:
    """The type Capabilities of docs/prhelperctl.md."""
    types = None if can.types is None else [type_text(each) for each in sorted(can.types)]
    return {**can._asdict(), "types": types}


def full_status_text(status: FullStatus) -> str:
    """For people."""
    rows = [(key_text(each.key), holds_text(each), target_text(each), port_text(each)) for each in status.registrants]
    body = table(("KEY", "HOLDS", "TARGET", "PORT"), rows) if rows else "no registrations"
    return f"generation {status.generation}\n{body}{_more(status.complete)}"


def full_status_json(status: FullStatus) -> dict[str, object]:
    """The type FullStatus of docs/prhelperctl.md."""
    registrants = list(map(registrant_json, status.registrants))
    return {"generation": status.generation, "registrants": registrants, "complete": status.complete}


def registrant_json(each: Registrant) -> dict[str, object]:
    """The type Registrant."""
    return {
        "key": key_text(each.key),
        "holds": each.r_holder,
        "type": None if each.type is None else type_text(each.type),
        "all_target_ports": each.all_tg_pt,
        "relative_target_port": None if each.all_tg_pt else each.relative_target_port,
        "port": port_text(each),
    }


def holds_text(each: Registrant) -> str:
    """The type of the reservation that a registrant holds, in short, as "WE RO"."""
    if each.type is None:
        return "-"
    return SHORT.get(each.type, f"type {each.type:#x}")


def target_text(each: Registrant) -> str:
    """Through which target port, as its number."""
    return "all" if each.all_tg_pt else str(each.relative_target_port)


def port_text(each: Registrant) -> str:
    """An initiator port; in hexadecimal if its kind is not known."""
    return each.transport_id.hex() if isinstance(each.transport_id, bytes) else str(each.transport_id)


def _more(complete: bool) -> str:
    return "" if complete else "\nthere are more than one answer has room for"


SHORT: dict[int, str] = {
    ReservationType.WRITE_EXCLUSIVE: "WE",
    ReservationType.EXCLUSIVE_ACCESS: "EA",
    ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY: "WE RO",
    ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: "EA RO",
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS: "WE AR",
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS: "EA AR",
}

COMMANDS = (
    Reading("read-keys", (), "the keys that are registered on a disk", "read_keys", keys_text, keys_json),
    Reading(
        "read-reservation",
        (),
        "the reservation of a disk, if there is one",
        "read_reservation",
        reservation_text,
        reservation_json,
    ),
    Reading(
        "capabilities",
        ("report-capabilities",),
        "what a disk can do of persistent reservations",
        "report_capabilities",
        capabilities_text,
        capabilities_json,
    ),
    Reading(
        "full-status",
        ("read-full-status",),
        "the registrations on a disk, with their initiator ports",
        "read_full_status",
        full_status_text,
        full_status_json,
    ),
)
