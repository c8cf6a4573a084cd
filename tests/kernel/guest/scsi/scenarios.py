"""What a cluster does with PERSISTENT RESERVE OUT: steps, and what must be the case after each.

Three nodes A, B and C sit on one unit. C never registers: it looks on, and so never meets a unit attention. The same
scenarios are run through the helper and by sg_persist.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.nexus import Holder, Nexus, Result
from tests.support.spc import (
    ALL_REGISTRANTS,
    CHECK_CONDITION,
    CONFLICT,
    EXCLUSIVE_ACCESS,
    GOOD,
    TYPES,
    WRITE_EXCLUSIVE,
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
    Out,
)

from .. import lio

A, B, C = range(3)
KA, KB, OTHER = 0xAAAA0001, 0xBBBB0002, 0xCCCC000000000003

SAS = 6


@dataclass(frozen=True)
class Step:
    """One command of one node, the status it must get, and then: all keys, and the reservation."""

    node: int
    action: Out
    status: int
    keys: tuple[int, ...] = ()
    holder: Holder | None = None
    key: int = 0
    new: int = 0
    kind: int = 0
    move_to: int | None = None
    sense: tuple[int, int, int] | None = None

    def run(self, nexus: Nexus) -> Result:
        """Send the step's command as that node."""
        if self.move_to is None:
            return nexus.write(self.action, self.key, self.new, self.kind)
        transport_id = bytes([SAS, 0, 0, 0]) + bytes.fromhex(lio.initiator(self.move_to)) + bytes(12)
        return nexus.move(self.key, self.new, transport_id, port=self.move_to + 1)


def register(node: int, key: int, *keys: int, holder: Holder | None = None) -> Step:
    """A node registers for the first time."""
    return Step(node, Out.REGISTER, GOOD, keys or (key,), holder, new=key)


REGISTERED = [register(A, KA), register(B, KB, KA, KB)]


def reserved(kind: int) -> list[Step]:
    """Both nodes are registered, and A has reserved."""
    return [*REGISTERED, Step(A, Out.RESERVE, GOOD, (KA, KB), held(kind), key=KA, kind=kind)]


def held(kind: int, key: int = KA) -> Holder:
    return Holder(0 if kind in ALL_REGISTRANTS else key, kind)


WE, EA, WR = WRITE_EXCLUSIVE, EXCLUSIVE_ACCESS, WRITE_EXCLUSIVE_REGISTRANTS_ONLY

SCENARIOS: dict[str, list[Step]] = {
    "register, change the key, unregister": [
        register(A, KA),
        Step(A, Out.REGISTER, GOOD, (OTHER,), key=KA, new=OTHER),
        Step(A, Out.REGISTER, GOOD, (), key=OTHER),
    ],
    "register with a wrong existing key": [
        register(A, KA),
        Step(A, Out.REGISTER, CONFLICT, (KA,), key=KB, new=OTHER),
    ],
    "register, ignoring the existing key": [
        Step(A, Out.REGISTER_AND_IGNORE_EXISTING_KEY, GOOD, (KA,), new=KA),
        Step(A, Out.REGISTER_AND_IGNORE_EXISTING_KEY, GOOD, (OTHER,), key=KB, new=OTHER),
    ],
    "reserve with a wrong key": [
        *REGISTERED,
        Step(A, Out.RESERVE, CONFLICT, (KA, KB), key=KB, kind=WE),
    ],
    "release by another than the holder does nothing": [
        *reserved(WE),
        Step(B, Out.RELEASE, GOOD, (KA, KB), held(WE), key=KB, kind=WE),
    ],
    "release with the wrong type": [
        *reserved(WE),
        Step(A, Out.RELEASE, CONFLICT, (KA, KB), held(WE), key=KA, kind=EA),
    ],
    "clear by any registrant, which the former holder is told": [
        *reserved(WE),
        Step(B, Out.CLEAR, GOOD, (), key=KB),
        Step(A, Out.REGISTER, CHECK_CONDITION, (), new=KA, sense=(6, 0x2A, 0x03)),
        register(A, KA),
    ],
    "preempt the holder, who is told": [
        *reserved(WE),
        Step(B, Out.PREEMPT, GOOD, (KB,), held(EA, KB), key=KB, new=KA, kind=EA),
        Step(A, Out.REGISTER, CHECK_CONDITION, (KB,), held(EA, KB), new=KA, sense=(6, 0x2A, 0x05)),
        register(A, KA, KA, KB, holder=held(EA, KB)),
    ],
    "preempt a registrant who holds nothing": [
        *reserved(WR),
        Step(A, Out.PREEMPT, GOOD, (KA,), held(WR), key=KA, new=KB, kind=WR),
        Step(B, Out.REGISTER, CHECK_CONDITION, (KA,), held(WR), new=KB, sense=(6, 0x2A, 0x05)),
    ],
    "preempt a key that nobody has": [
        *reserved(WE),
        Step(B, Out.PREEMPT, CONFLICT, (KA, KB), held(WE), key=KB, new=OTHER, kind=WE),
    ],
    # A key that somebody has would hang LIO (Linux 6.1): its abort waits for the very command that asked for it.
    "preempt and abort a key that nobody has": [
        *reserved(WE),
        Step(B, Out.PREEMPT_AND_ABORT, CONFLICT, (KA, KB), held(WE), key=KB, new=OTHER, kind=WE),
    ],
    "the holder moves registration and reservation to another node": [
        register(A, KA),
        Step(A, Out.RESERVE, GOOD, (KA,), held(WE), key=KA, kind=WE),
        Step(A, Out.REGISTER_AND_MOVE, GOOD, (KA, KB), held(WE, KB), key=KA, new=KB, move_to=B),
        Step(B, Out.RELEASE, GOOD, (KA, KB), key=KB, kind=WE),
    ],
    "the last registrant leaves, and the reservation with it": [
        register(A, KA),
        Step(A, Out.RESERVE, GOOD, (KA,), held(WE), key=KA, kind=WE),
        Step(A, Out.REGISTER, GOOD, (), key=KA),
    ],
    "replace a lost reservation where none was lost": [
        *REGISTERED,
        Step(A, Out.REPLACE_LOST_RESERVATION, CHECK_CONDITION, (KA, KB), new=KA, kind=WE, sense=(5, 0x24, 0)),
    ],
}

for _kind in TYPES:
    SCENARIOS[f"reserve type {_kind}, again, meet a conflict, release"] = [
        *reserved(_kind),
        Step(A, Out.RESERVE, GOOD, (KA, KB), held(_kind), key=KA, kind=_kind),
        Step(B, Out.RESERVE, CONFLICT, (KA, KB), held(_kind), key=KB, kind=EA if _kind == WE else WE),
        Step(A, Out.RELEASE, GOOD, (KA, KB), key=KA, kind=_kind),
    ]
