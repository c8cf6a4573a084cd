"""Which service actions of PERSISTENT RESERVE OUT conflict with a reservation: SPC-4, table 66, row by row."""

import pytest

from prhelper.device.emulated.rules import conflicts
from prhelper.scsi.reservation import OutAction, ReservationType

from .unit import TYPES, A, B, C, registered

# Whether it conflicts for a nexus that does not hold: registered, not registered.
TABLE_66 = {
    OutAction.CLEAR: (False, True),
    OutAction.PREEMPT: (False, True),
    OutAction.PREEMPT_AND_ABORT: (False, True),
    OutAction.REGISTER: (False, False),
    OutAction.REGISTER_AND_IGNORE_EXISTING_KEY: (False, False),
    OutAction.REGISTER_AND_MOVE: (True, True),
    OutAction.RELEASE: (False, True),
    OutAction.REPLACE_LOST_RESERVATION: (False, True),
    OutAction.RESERVE: (True, True),
}


@pytest.mark.parametrize("action", OutAction)
@pytest.mark.parametrize("kind", TYPES)
def test_persistent_reserve_out_beside_a_reservation(kind: ReservationType, action: OutAction) -> None:
    state = registered(A, B, holder=A, kind=kind)
    among_registered, unregistered = TABLE_66[action]
    found = [conflicts(state, nexus, action) for nexus in (A, B, C)]
    assert found == [False, among_registered and kind < 7, unregistered]
    assert not conflicts(registered(A), C, action)
