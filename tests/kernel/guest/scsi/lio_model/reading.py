"""PERSISTENT RESERVE IN as LIO answers it: short and cut answers, and ALL_TG_PT in the full status."""

from __future__ import annotations

from prhelper.device.emulated.parameters import INVALID_CDB
from prhelper.device.emulated.reading import READERS
from prhelper.device.emulated.state import Nexus, State
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.reservation import Command, InAction
from prhelper.scsi.status import Status

from .departures import Departed

_FLAGS, _PORT, _DESCRIPTOR, _TRANSPORT_ID = 12, 18, 48, 24  # offsets within a descriptor, and sizes


def departure_in_reading(state: State, all_ports: set[Nexus], command: Command) -> Departed | None:
    """What LIO may answer instead to a PERSISTENT RESERVE IN."""
    action, allocation = command.service_action, command.length
    if action not in (*InAction,):
        return None
    if allocation < (6 if action == InAction.REPORT_CAPABILITIES else 8):
        return "short allocation refused", state, INVALID_CDB
    whole = READERS[InAction(action)](state)
    match action:
        case InAction.READ_KEYS:
            name, end = "cut key left out", allocation // 8 * 8
            data = whole[:end].ljust(min(allocation, len(whole)), b"\0")
        case InAction.READ_RESERVATION:
            name, end = "cut reservation left out", 8 if allocation < 22 else allocation
            data = whole[:end].ljust(min(allocation, len(whole)), b"\0")
        case InAction.READ_FULL_STATUS:
            name, data = _full_status(state, all_ports, whole, allocation)
        case _:
            return None
    return name, state, Outcome(Status.GOOD, data=data)


def _full_status(state: State, all_ports: set[Nexus], whole: bytes, allocation: int) -> tuple[str, bytes]:
    name, data = "all target ports without ports", bytearray(whole)
    for number, registration in enumerate(state.registrations):
        if registration.nexus in all_ports:
            at = 8 + number * _DESCRIPTOR
            data[at + _FLAGS] |= 0x02
            data[at + _PORT : at + _PORT + 2] = bytes(2)
    fit = (allocation - _TRANSPORT_ID) // _DESCRIPTOR + 1
    if fit < len(state.registrations):
        name = "cut status uncounted"
        size = max(0, fit) * _DESCRIPTOR
        data[4:8] = size.to_bytes(4)
        del data[8 + size :]
    return name, bytes(data[:allocation])
