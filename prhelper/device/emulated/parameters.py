"""The fields of PERSISTENT RESERVE OUT, from its CDB and parameter list (SPC-4, 6.16), checked when they are used.

A wrong value in a field that the service action ignores is no error. Only the length, and SPEC_I_PT where it is not
allowed, are checked immediately.
"""

from dataclasses import dataclass, replace

from ...scsi import sense
from ...scsi.outcome import Outcome, check_condition
from ...scsi.reservation import Command, OutAction, ReservationType
from ...scsi.status import Status
from ...scsi.transport_id import TransportID, TransportIDError, take_transport_id
from .state import Nexus, State

_BASIC_SIZE = 24
_SPEC_I_PT, _ALL_TG_PT, _APTPL = 0x08, 0x04, 0x01  # byte 20 of the basic list
_UNREG, _MOVE_APTPL = 0x02, 0x01  # byte 17 of that of REGISTER AND MOVE

CONFLICT = Outcome(Status.RESERVATION_CONFLICT)
INVALID_CDB = check_condition(sense.INVALID_FIELD)
INVALID_PARAMETER = check_condition(sense.INVALID_FIELD_IN_PARAMETER_LIST)
WRONG_LENGTH = check_condition(sense.PARAMETER_LIST_LENGTH_ERROR)


class RefusedError(Exception):
    """The command is refused; `outcome` is the answer."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Parameters:
    """A service action and its fields. `additional` is the rest of the list: a length, and that many bytes."""

    action: OutAction
    scope: int
    type_code: int
    key: int
    service_action_key: int
    aptpl: bool = False
    spec_i_pt: bool = False
    all_tg_pt: bool = False
    unregister: bool = False
    relative_port: int = 0
    additional: bytes = b""

    def type(self) -> ReservationType:
        """The TYPE field (6.15.3.4). Raises RefusedError if it is none of the six values."""
        try:
            return ReservationType(self.type_code)
        except ValueError as error:
            raise RefusedError(INVALID_CDB) from error

    def require_lu_scope(self) -> None:
        """Raise RefusedError if the scope is not the logical unit (6.16.1)."""
        if self.scope != 0:
            raise RefusedError(INVALID_CDB)

    def require_key(self, state: State, nexus: Nexus) -> None:
        """Raise RefusedError if the nexus is not registered (5.13.7), or has another key (6.16.3)."""
        if self.key != state.key_of(nexus):
            raise RefusedError(CONFLICT)

    def transport_ids(self) -> list[TransportID]:
        """The list that SPEC_I_PT announces (table 215). Raises RefusedError if its length or contents are wrong."""
        rest, found = self._transport_data(), []
        while rest:
            port, rest = _take(rest)
            found.append(port)
        return found

    def transport_id(self) -> TransportID:
        """That of REGISTER AND MOVE (6.16.4). Raises RefusedError if its length or contents are wrong."""
        port, rest = _take(self._transport_data())
        if rest:
            raise RefusedError(INVALID_PARAMETER)
        return port

    def _transport_data(self) -> bytes:
        length, data = self.additional[:4], self.additional[4:]
        if len(length) != 4 or int.from_bytes(length) != len(data):
            raise RefusedError(INVALID_PARAMETER)
        return data


def parse(command: Command, action: OutAction) -> Parameters:
    """Read the fields. Raises RefusedError for a wrong parameter list length or a misplaced SPEC_I_PT (6.16.1)."""
    data = command.parameter_list
    if len(data) < _BASIC_SIZE or (keys := command.keys) is None:
        raise RefusedError(WRONG_LENGTH)
    fields = Parameters(action, command.scope, command.type_code, *keys)
    if action is OutAction.REGISTER_AND_MOVE:
        return replace(
            fields,
            aptpl=bool(data[17] & _MOVE_APTPL),
            unregister=bool(data[17] & _UNREG),
            relative_port=int.from_bytes(data[18:20]),
            additional=data[20:],
        )
    spec_i_pt = bool(data[20] & _SPEC_I_PT)
    if spec_i_pt and action is not OutAction.REGISTER:
        raise RefusedError(INVALID_PARAMETER)
    if not spec_i_pt and len(data) != _BASIC_SIZE:
        raise RefusedError(WRONG_LENGTH)
    return replace(
        fields,
        aptpl=bool(data[20] & _APTPL),
        all_tg_pt=bool(data[20] & _ALL_TG_PT),
        spec_i_pt=spec_i_pt,
        additional=data[24:],
    )


def _take(data: bytes) -> tuple[TransportID, bytes]:
    try:
        return take_transport_id(data)
    except TransportIDError as error:
        raise RefusedError(INVALID_PARAMETER) from error
