"""Commands of our own, what a guest's command asks for, and what parameter data says (SPC-4, 6.15 and 6.16)."""

import hashlib
from collections.abc import Collection
from typing import NamedTuple

from ....scsi.commands import BASIC_LIST_SIZE, SPEC_I_PT, reserve_out
from ....scsi.parameter_data import (
    ParameterDataError,
    Reservation,
    parse_capabilities,
    parse_full_status,
    parse_keys,
    parse_reservation,
)
from ....scsi.reservation import Command, InAction, OutAction
from ....scsi.transport_id import TransportID, TransportIDError, take_transport_id


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
        if keys is None or len(command.parameter_list) < BASIC_LIST_SIZE:
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
        return len(self.command.parameter_list) == BASIC_LIST_SIZE and not self.flags & SPEC_I_PT

    @property
    def heir(self) -> TransportID | None:
        """The port that REGISTER AND MOVE names; None if it names none that is known here."""
        try:
            return take_transport_id(self.command.parameter_list[BASIC_LIST_SIZE:])[0]
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
        return reserve_out(action, self.key, self.new, flags=self.flags & ~SPEC_I_PT)


def register(key: int, new: int, flags: int) -> Command:
    """REGISTER: does nothing to a path whose key is not `key`."""
    return reserve_out(OutAction.REGISTER, key, new, flags=flags)


def reserve(key: int, scope_and_type: int) -> Command:
    """RESERVE."""
    return reserve_out(OutAction.RESERVE, key, 0, scope_and_type)


def preempt(key: int, victim: int, scope_and_type: int, action: int = OutAction.PREEMPT) -> Command:
    """PREEMPT or PREEMPT AND ABORT."""
    return reserve_out(action, key, victim, scope_and_type)


def temporary_key(key: int, taken: Collection[int]) -> int:
    """A key in place of `key` for a moment: always the same, so that a successor knows it, unless that is taken."""
    digest = key.to_bytes(8)
    while True:
        digest = hashlib.sha256(digest).digest()
        found = int.from_bytes(digest[:8])
        if found and found != key and found not in taken:
            return found


def makes_sense(action: InAction, data: bytes) -> bool:
    """Whether the rules can be held against this. What is left out here they can do without."""
    try:
        if action == InAction.READ_KEYS:
            parse_keys(data)
        elif action == InAction.READ_RESERVATION:
            parse_reservation(data)
    except ParameterDataError:
        return False
    return True


def is_cut_off(action: InAction, data: bytes) -> bool:
    """Whether the unit has more registrations than there was room for."""
    is_list = action in (InAction.READ_KEYS, InAction.READ_FULL_STATUS)
    return is_list and 8 <= len(data) < 8 + int.from_bytes(data[4:8])


def generation_in(data: bytes) -> int:
    """PRGENERATION, of READ KEYS, READ RESERVATION and READ FULL STATUS."""
    return int.from_bytes(data[:4])


def keys_in(data: bytes) -> list[int]:
    """What READ KEYS says, if it makes sense: one key a registration, alike or not."""
    return list(parse_keys(data).keys)


def reservation_in(data: bytes) -> Reservation | None:
    """What READ RESERVATION says, if it makes sense."""
    return parse_reservation(data).reservation


def aptpl_in(data: bytes) -> bool | None:
    """Whether REPORT CAPABILITIES says that APTPL is in force; None if it makes no sense."""
    try:
        return parse_capabilities(data).ptpl_a
    except ParameterDataError:
        return None


def full_status_in(data: bytes) -> list[Registration] | None:
    """What READ FULL STATUS says; None if it is cut off, or names ports in a way that is not known here."""
    try:
        status = parse_full_status(data)
    except ParameterDataError:
        return None
    found = [
        Registration(each.key, each.transport_id, each.r_holder)
        for each in status.registrants
        if not isinstance(each.transport_id, bytes)
    ]
    return found if status.complete and len(found) == len(status.registrants) else None
