"""show: a disk with its reservation and registrations, and who each of them is as far as this host knows."""

import argparse
from pathlib import Path
from typing import NamedTuple

from ..client import (
    Client,
    HeldReservation,
    Registrant,
    ScsiError,
    TransportID,
    connect,
    run,
)
from .control import devices_seen
from .disks import Disk, opened
from .output import key_text, print_json, say, table
from .owners import Owner, Registered, ports_of, registered_on, who
from .reading import holds_text, one_reservation_json, port_text, reading, reservation_line

_WORDS = {"ours": "this host", "other": "another host", "unknown": "not known"}


class Entry(NamedTuple):
    """A registration. registrant: None where the disk tells nothing but the key."""

    key: int
    registrant: Registrant | None
    owner: Owner

    def row(self) -> tuple[str, str, str, str]:
        """For people."""
        by = f": {', '.join(self.owner.by)}" if self.owner.by else ""
        holds = "?" if self.registrant is None else holds_text(self.registrant)
        port = "?" if self.registrant is None else port_text(self.registrant)
        return key_text(self.key), holds, f"{_WORDS[self.owner.whose]}{by}", port

    def as_json(self) -> dict[str, object]:
        """The type ShownRegistration of docs/prhelperctl.md."""
        return {
            "key": key_text(self.key),
            "holds": None if self.registrant is None else self.registrant.r_holder,
            "port": None if self.registrant is None else port_text(self.registrant),
            "whose": self.owner.whose,
            "by": self.owner.by,
        }


class Shown(NamedTuple):
    """All that there is to see. complete: whether that is all."""

    held: HeldReservation
    entries: list[Entry]
    complete: bool


def execute(options: argparse.Namespace) -> int:
    """Carry the subcommand out."""
    with opened(options.disk, to_write=False) as (fd, disk):
        shown = run(_look(options.socket, options.timeout, fd, disk, options.control))
    if options.json:
        print_json(_as_json(disk, shown))
    else:
        say(_as_text(disk, shown))
    return 0


async def _look(socket: Path, timeout: float | None, fd: int, disk: Disk, control: Path) -> Shown:
    registered = registered_on(disk, devices_seen(control) or [])
    with await connect(socket, timeout) as client:
        held = await reading(client.read_reservation, fd)
        entries, complete = await _entries(client, fd, disk, registered)
    return Shown(held, entries, complete)


async def _entries(client: Client, fd: int, disk: Disk, registered: list[Registered]) -> tuple[list[Entry], bool]:
    """From READ FULL STATUS, or else, as some disks do without, from READ KEYS."""
    ports = ports_of(disk)

    def entry(key: int, registrant: Registrant | None) -> Entry:
        port: TransportID | bytes | None = None if registrant is None else registrant.transport_id
        return Entry(key, registrant, who(key, port, ports, registered))

    try:
        status = await reading(client.read_full_status, fd)
    except ScsiError:
        keys = await reading(client.read_keys, fd)
        return [entry(key, None) for key in keys.keys], keys.complete
    return [entry(each.key, each) for each in status.registrants], status.complete


def _as_text(disk: Disk, shown: Shown) -> str:
    reservation = shown.held.reservation
    lines = [
        f"{disk}, generation {shown.held.generation}",
        "no reservation" if reservation is None else reservation_line(reservation),
        "",
        table(("KEY", "HOLDS", "WHO", "PORT"), [each.row() for each in shown.entries])
        if shown.entries
        else "no registrations",
    ]
    if not shown.complete:
        lines.append("there are more than one answer has room for")
    return "\n".join(lines)


def _as_json(disk: Disk, shown: Shown) -> dict[str, object]:
    """The type Shown of docs/prhelperctl.md."""
    return {
        "disk": disk.as_json(),
        "generation": shown.held.generation,
        "reservation": one_reservation_json(shown.held.reservation),
        "registrations": [each.as_json() for each in shown.entries],
        "complete": shown.complete,
    }
