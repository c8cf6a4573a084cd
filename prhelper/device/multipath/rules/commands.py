"""Commands of our own, what a guest's command asks for, and what parameter data says (SPC-4, 6.15 and 6.16)."""

import hashlib
import struct
from collections.abc import Collection
from typing import NamedTuple

from ....scsi.reservation import (
    MAX_DATA,
    PERSISTENT_RESERVE_IN,
    PERSISTENT_RESERVE_OUT,
    Command,
    InAction,
    OutAction,
    ReservationType,
)
from ....scsi.transport_id import TransportID, TransportIDError, take_transport_id

SPEC_I_PT, ALL_TG_PT, APTPL = 0x08, 0x04, 0x01  # byte 20 of the parameter list
MOVE_UNREG, MOVE_APTPL = 0x02, 0x01  # byte 17 of that of REGISTER AND MOVE

ALL_REGISTRANTS = (
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS,
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
)

_OUT_CDB = struct.Struct(">BBBxxI7x")
_IN_CDB = struct.Struct(">BB5xH7x")
_LIST = struct.Struct(">QQ4xB3x")
_HEADER = struct.Struct(">II")  # PRGENERATION, ADDITIONAL LENGTH
_RESERVATION = struct.Struct(">Q5xB2x")
_FULL_STATUS = struct.Struct(">Q4xBB6xI")  # key, flags, scope and type, length of the TransportID

_PTPL_A = 0x01
_R_HOLDER = 0x01


class Reservation(NamedTuple):
    """What READ RESERVATION says: the holder's key, 0 where all registrants hold it, and scope and type in one byte."""

    key: int
    scope_and_type: int

    @property
    def is_all_registrants(self) -> bool:
        """Whether every registrant holds it."""
        return self.scope_and_type & 0x0F in ALL_REGISTRANTS


class Registration(NamedTuple):
    """One of the unit's registrations; whose it is only READ FULL STATUS tells."""

    key: int
    port: TransportID
    holds: bool


class Wanted(NamedTuple):
    """What a guest's PERSISTENT RESERVE OUT asks for; fields that its service action does not have are meaningless."""

    command: Command
    action: int
    key: int
    new: int
    scope_and_type: int
    flags: int

    @classmethod
    def of(cls, command: Command) -> "Wanted | None":
        """Read the fields; None if the parameter list is too short to have them, which the unit is to say."""
        keys = command.keys
        if keys is None or len(command.parameter_list) < _LIST.size:
            return None
        return cls(command, command.service_action, *keys, command.cdb[2], command.parameter_list[20])

    @property
    def ignores_key(self) -> bool:
        """Whether it registers whatever key there is."""
        return self.action == OutAction.REGISTER_AND_IGNORE_EXISTING_KEY

    def naming(self, key: int) -> "Wanted":
        """The same, if it ignores the key, by a REGISTER that names it."""
        command = self.for_other_paths(key)
        return self._replace(command=command, action=OutAction.REGISTER, key=key)

    @property
    def is_plain(self) -> bool:
        """Whether it has the basic parameter list, as all but SPEC_I_PT and REGISTER AND MOVE must."""
        return len(self.command.parameter_list) == _LIST.size and not self.flags & SPEC_I_PT

    @property
    def heir(self) -> TransportID | None:
        """The port that REGISTER AND MOVE names; None if it names none that is known here."""
        try:
            return take_transport_id(self.command.parameter_list[_LIST.size :])[0]
        except TransportIDError:
            return None

    def for_other_paths(self, key: int) -> Command:
        """The REGISTER that does on another path what the guest's does on the first, where the old key is `key`.

        SPEC_I_PT is left out: the ports that it lists are registered once.
        """
        return register(key, self.new, self.flags & ~SPEC_I_PT)

    def ignoring_for_other_paths(self) -> Command:
        """The same, whatever key the other path has."""
        action = OutAction.REGISTER_AND_IGNORE_EXISTING_KEY
        return _out(action, self.key, self.new, flags=self.flags & ~SPEC_I_PT)


def register(key: int, new: int, flags: int) -> Command:
    """REGISTER: does nothing to a path whose key is not `key`."""
    return _out(OutAction.REGISTER, key, new, flags=flags)


def reserve(key: int, scope_and_type: int) -> Command:
    """RESERVE."""
    return _out(OutAction.RESERVE, key, 0, scope_and_type)


def preempt(key: int, victim: int, scope_and_type: int, action: int = OutAction.PREEMPT) -> Command:
    """PREEMPT or PREEMPT AND ABORT."""
    return _out(action, key, victim, scope_and_type)


def read(action: InAction) -> Command:
    """PERSISTENT RESERVE IN, as much as it has to say."""
    return Command(_IN_CDB.pack(PERSISTENT_RESERVE_IN, action, MAX_DATA))


def temporary_key(key: int, taken: Collection[int]) -> int:
    """A key in place of `key` for a moment: always the same, so that a successor knows it, unless that is taken."""
    digest = key.to_bytes(8)
    while True:
        digest = hashlib.sha256(digest).digest()
        found = int.from_bytes(digest[:8])
        if found and found != key and found not in taken:
            return found


def generation_in(data: bytes) -> int:
    """PRGENERATION, of READ KEYS, READ RESERVATION and READ FULL STATUS."""
    return int.from_bytes(data[:4])


def keys_in(data: bytes) -> list[int]:
    """What READ KEYS says: one key a registration, alike or not."""
    body = data[8 : 8 + int.from_bytes(data[4:8])]
    return [key for (key,) in struct.iter_unpack(">Q", body[: len(body) // 8 * 8])]


def reservation_in(data: bytes) -> Reservation | None:
    """What READ RESERVATION says."""
    if len(data) < _HEADER.size + _RESERVATION.size or not int.from_bytes(data[4:8]):
        return None
    return Reservation(*_RESERVATION.unpack_from(data, _HEADER.size))


def aptpl_in(data: bytes) -> bool:
    """Whether REPORT CAPABILITIES says that APTPL is in force."""
    return len(data) > 3 and bool(data[3] & _PTPL_A)


def full_status_in(data: bytes) -> list[Registration] | None:
    """What READ FULL STATUS says; None if it is cut off, or names ports in a way that is not known here."""
    end = _HEADER.size + int.from_bytes(data[4:8])
    if len(data) < end:
        return None
    found, at = [], _HEADER.size
    while at + _FULL_STATUS.size <= end:
        key, flags, _, length = _FULL_STATUS.unpack_from(data, at)
        at += _FULL_STATUS.size
        try:
            port, _ = take_transport_id(data[at : min(at + length, end)])
        except TransportIDError:
            return None
        found.append(Registration(key, port, bool(flags & _R_HOLDER)))
        at += length
    return found if at == end else None


def _out(action: int, key: int, new: int, scope_and_type: int = 0, flags: int = 0) -> Command:
    data = _LIST.pack(key, new, flags)
    return Command(_OUT_CDB.pack(PERSISTENT_RESERVE_OUT, action, scope_and_type, len(data)), data)
