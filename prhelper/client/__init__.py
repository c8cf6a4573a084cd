"""A client of a persistent reservation helper, prhelper or QEMU's: for asyncio, trio and threads without a loop.

It needs no privilege: what a program may reserve is what it may open. `docs/client.md` shows it in twenty lines.

    conversation.py  one connection: the negotiation, a request, its answer
    connection.py    connects again as QEMU's client does, and never sends a PERSISTENT RESERVE OUT twice
    operations.py    the service actions by name
    errors.py        what can go wrong, with status and sense data in words
"""

from ..channel.context import run
from ..scsi.outcome import Outcome
from ..scsi.parameter_data import (
    Capabilities,
    FullStatus,
    HeldReservation,
    Keys,
    ParameterDataError,
    Registrant,
    Reservation,
)
from ..scsi.reservation import Command, InAction, OutAction, ReservationType
from ..scsi.sense import Sense
from ..scsi.status import Status
from ..scsi.transport_id import (
    FibreChannelPort,
    IscsiPort,
    SasPort,
    TransportID,
    TransportIDError,
    parse_transport_id,
)
from .connection import DEFAULT_SOCKET
from .errors import (
    AnswerLost,
    Busy,
    CheckCondition,
    HelperError,
    ReservationConflict,
    ScsiError,
    TaskSetFull,
    UnitAttention,
    Unreachable,
)
from .operations import Client, connect

__all__ = [
    "DEFAULT_SOCKET",
    "AnswerLost",
    "Busy",
    "Capabilities",
    "CheckCondition",
    "Client",
    "Command",
    "FibreChannelPort",
    "FullStatus",
    "HeldReservation",
    "HelperError",
    "InAction",
    "IscsiPort",
    "Keys",
    "OutAction",
    "Outcome",
    "ParameterDataError",
    "Registrant",
    "Reservation",
    "ReservationConflict",
    "ReservationType",
    "SasPort",
    "ScsiError",
    "Sense",
    "Status",
    "TaskSetFull",
    "TransportID",
    "TransportIDError",
    "UnitAttention",
    "Unreachable",
    "connect",
    "parse_transport_id",
    "run",
]
