"""Where LIO departs from SPC-4, by name: the clause with what it wants, or what LIO does instead."""

from __future__ import annotations

from prhelper.device.emulated.state import State
from prhelper.scsi.outcome import Outcome
from prhelper.scsi.status import Status

IGNORED_FIELDS = "preempt checks ignored fields"
"""The one that Linux 7.2 does not have any more."""

DEPARTURES = {
    "one report clears all": "SAM-5, 5.14: a unit attention is cleared when it is reported; LIO clears those behind it",
    "NACA is ignored": "SAM-5, 5.2: NACA set is an invalid field where ACA is not supported",
    "short allocation refused": "SPC-4, 4.2.5.6: an allocation length that is too short truncates, and is no error",
    "cut key left out": "SPC-4, 4.2.5.6: LIO leaves zeros where READ KEYS would be cut within a key",
    "cut reservation left out": "SPC-4, 4.2.5.6: LIO leaves zeros where READ RESERVATION is cut before byte 22",
    "cut status uncounted": "SPC-4, 6.15.5: ADDITIONAL LENGTH is that of the whole, in whatever it is cut",
    "all target ports without ports": "SPC-4, 6.15.5: ALL_TG_PT is reported for an initiator that came by one port",
    "action looked at last": "SPC-4, 4.2.5.2: an unknown service action is refused for its parameter list instead",
    "unknown action conflicts": "SPC-4, 4.2.5.2: an unknown service action is an invalid field, and cannot conflict",
    "empty list does not conflict": "SPC-4, table 66: LIO takes a command without data for one that reads",
    "registrant looked into first": "SPC-4, table 66: RESERVE and MOVE conflict, whatever else is wrong with them",
    "unregistered not ready": "SPC-4, 5.13.7: an action of an unregistered nexus conflicts",
    "strangers refused": "SPC-4, 6.16.3, 6.16.4: any initiator port can be registered, not only those logged in",
    "listed where they are": "SPC-4, table 69: SPEC_I_PT registers at the port it came by; 6.15.2: and counts once",
    "itself listed, registered twice": "SPC-4, 5.13.1: no more than one reservation key for an I_T nexus",
    "known ones skipped": "SPC-4, table 67: an initiator of SPEC_I_PT that is registered refuses the whole",
    "unregistering not counted": "SPC-4, 6.15.2: every REGISTER that is carried out counts",
    "all target ports are one": "SPC-4, 6.16.3: ALL_TG_PT registers every port; LIO those with an ACL by hand",
    "all target ports to be repeated": "SPC-4, 5.13.7: ALL_TG_PT once does not require it in the next command",
    "format code ignored": "SPC-4, 7.6.4.7: a TransportID of SAS has format code 00b",
    "scope blamed on the list": "SPC-4, 6.16.1: a scope that is not implemented is an invalid field in the CDB",
    "release without key": "SPC-4, 6.16.3: the key is verified, whatever the action",
    "wrong release conflicts": "SPC-4, 5.13.11.2.2: a wrong type or scope is an invalid release",
    "moved back, stuck": "SPC-4, 5.13.8 g): a reservation moves with its scope; LIO leaves one that never fits",
    "clear ends persistence": "SPC-4, 6.16.3: APTPL is what the last registration had",
    IGNORED_FIELDS: "SPC-4, 5.13.11.2.5 b): SCOPE and TYPE are ignored if registrations are removed",
    "one of all is the holder": "SPC-4, table 72: where all registrants hold, a key only removes registrations",
    "own key stays": "SPC-4, 5.13.11.2.5: who preempts its own key is removed",
}

GOOD = Outcome(Status.GOOD)

Departed = tuple[str, State, Outcome]
"""A departure by name, LIO's state after it, and LIO's answer."""
