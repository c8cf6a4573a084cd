"""An emulated unit as the tests speak of it: three nexuses, their commands laid out by hand, and answers."""

from collections.abc import Iterable, Sequence

from prhelper.device.emulated.rules import execute
from prhelper.device.emulated.state import Nexus, Registration, Reservation, State, power_cycled, reservation_of
from prhelper.scsi import sense
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, OutAction, ReservationType
from prhelper.scsi.transport_id import SasPort, TransportID

from ....support.spc import (
    CHECK_CONDITION,
    GOOD,
    Codes,
    keys,
    move_list,
    reserve_in,
    reserve_out,
    sense_code,
    transport_ids,
)

A, B, C = (Nexus(name, SasPort(0x5000_0000_0000_0000 | number)) for number, name in enumerate("ABC", 0xA))
KA, KB, KC = 0xAAAA_0001, 0xBBBB_0002, 0xCCCC_0003

WE, EA, WR, ER, WA, EAA = ReservationType
TYPES = tuple(ReservationType)

Answer = int | Codes


def answer(outcome: Outcome) -> Answer:
    """The status; of CHECK CONDITION what its sense says."""
    return sense_code(outcome.sense) if outcome.status == CHECK_CONDITION else int(outcome.status)


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
    return Command(reserve_out(action, kind, len(parameter_list)), parameter_list)


def listed(*ports: TransportID) -> bytes:
    """What SPEC_I_PT adds to the parameter list."""
    return transport_ids(*(port.to_bytes() for port in ports))


def move(key: int, new: int, port: TransportID, relative_port: int = 1, flags: int = 0) -> Command:
    """REGISTER AND MOVE; `flags` is byte 17: UNREG, MOVE_APTPL."""
    return out_raw(OutAction.REGISTER_AND_MOVE, move_list(key, new, port.to_bytes(), relative_port, flags))


def run(state: State, nexus: Nexus, command: Command) -> tuple[State, Answer]:
    """Carry out one command; the state after it, and the answer."""
    after, outcome = execute(state, nexus, command)
    return after, answer(outcome)


def read(state: State, nexus: Nexus, action: int, allocation: int = 8192) -> bytes:
    """The data of a PERSISTENT RESERVE IN that must be GOOD."""
    after, outcome = execute(state, nexus, Command(reserve_in(action, allocation)))
    assert (after, answer(outcome)) == (state, GOOD)
    return outcome.data


def keys_of(state: State) -> dict[Nexus, int]:
    return {each.nexus: each.key for each in state.registrations}


def attentions_of(state: State, nexus: Nexus) -> Sequence[Answer]:
    """Every unit attention that a nexus would be told of by its next commands, in order."""
    found: list[Answer] = []
    while True:
        state, told = run(state, nexus, Command(reserve_in(0)))
        if told == GOOD:
            return found
        found.append(told)


def without_power(state: State, nexuses: Iterable[Nexus]) -> State:
    """A unit after it has lost power, which it says by each of these."""
    return power_cycled(state).told(nexuses, sense.RESET_OCCURRED)
