"""An emulated unit as the tests speak of it: three nexuses, their commands laid out by hand, and answers as text."""

import struct
from collections.abc import Sequence

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, Registration, Reservation, State, reservation_of
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction, ReservationType
from prhelper.scsi.sense import Sense
from prhelper.scsi.status import status_name
from prhelper.scsi.transport_id import SasPort, TransportID

from ....support.client import keys, reserve_in

A, B, C = (Nexus(name, SasPort(0x5000_0000_0000_0000 | number)) for number, name in enumerate("ABC", 0xA))
KA, KB, KC = 0xAAAA_0001, 0xBBBB_0002, 0xCCCC_0003

WE, EA, WR, ER, WA, EAA = ReservationType
TYPES = tuple(ReservationType)

SPEC_I_PT, ALL_TG_PT, APTPL = 0x08, 0x04, 0x01

GOOD, CONFLICT = "GOOD", "RESERVATION CONFLICT"
WRONG_LENGTH, INVALID_CDB, INVALID_PARAMETER, INVALID_RELEASE = "05/1A/00", "05/24/00", "05/26/00", "05/26/04"
RESERVATIONS_PREEMPTED, RESERVATIONS_RELEASED, REGISTRATIONS_PREEMPTED = "06/2A/03", "06/2A/04", "06/2A/05"


def answer(outcome: Outcome) -> str:
    """A status by name, a CHECK CONDITION by the numbers of its sense."""
    sense = Sense.parse(outcome.sense)
    if sense is not None and any(outcome.sense):
        return f"{sense.key:02X}/{sense.asc:02X}/{sense.ascq:02X}"
    return status_name(outcome.status)


def registered(*who: Nexus, holder: Nexus | None = None, kind: ReservationType | None = None) -> State:
    """A, B and C with their own keys, as many as are named, and perhaps a reservation that one of them made."""
    all_keys = {A: KA, B: KB, C: KC}
    reservation: Reservation | None = None
    if kind is not None and holder is not None:
        reservation = reservation_of(kind, holder)
    return State(registrations=tuple(Registration(nexus, all_keys[nexus]) for nexus in who), reservation=reservation)


def out(action: int, key: int = 0, new: int = 0, kind: int = 0, flags: int = 0, additional: bytes = b"") -> Command:
    """PERSISTENT RESERVE OUT with the basic parameter list; `kind` is scope and type, `flags` byte 20."""
    return out_raw(action, keys(key, new, flags) + additional, kind)


def out_raw(action: int, parameter_list: bytes, kind: int = 0) -> Command:
    cdb = struct.pack(">BBBxxI7x", 0x5F, action, kind, len(parameter_list))
    return Command(cdb, parameter_list)


def listed(*ports: TransportID) -> bytes:
    """What SPEC_I_PT adds to the parameter list."""
    data = b"".join(port.to_bytes() for port in ports)
    return struct.pack(">I", len(data)) + data


def move(key: int, new: int, port: TransportID, relative_port: int = 1, flags: int = 0) -> Command:
    """REGISTER AND MOVE; `flags` is byte 17: UNREG 0x02, APTPL 0x01."""
    data = port.to_bytes()
    head = struct.pack(">QQxBHI", key, new, flags, relative_port, len(data))
    return out_raw(OutAction.REGISTER_AND_MOVE, head + data)


def run(state: State, nexus: Nexus, command: Command) -> tuple[State, str]:
    """Carry out one command; the state after it, and the answer as text."""
    after, outcome = execute(state, nexus, command)
    return after, answer(outcome)


def read(state: State, nexus: Nexus, action: int, allocation: int = 8192) -> bytes:
    """The data of a PERSISTENT RESERVE IN that must be GOOD."""
    after, outcome = execute(state, nexus, Command(reserve_in(action, allocation)))
    assert (after, answer(outcome)) == (state, GOOD)
    return outcome.data


def keys_of(state: State) -> dict[Nexus, int]:
    return {each.nexus: each.key for each in state.registrations}


def attentions_of(state: State, nexus: Nexus) -> Sequence[str]:
    """Every unit attention that a nexus would be told of by its next commands, in order."""
    found: list[str] = []
    while True:
        state, told = run(state, nexus, Command(reserve_in(0)))
        if told == GOOD:
            return found
        found.append(told)
