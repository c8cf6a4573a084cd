"""Two hosts on one unit: ours, on a multipath map with the paths a and b, and another on c, which also looks on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.nexus import Nexus, Result
from tests.support.spc import ALL_REGISTRANTS, GOOD, Out

from ..initiators import forget_everything, settle
from ..lio import initiator
from .multipathd import Multipathd, eventually
from .our_helper import OurHelper
from .paths import MapPath

K, K2, OTHER = 0xAAA, 0xAA2, 0xCCC
NAMES = {K: "K", K2: "K2", OTHER: "O"}
LETTERS = "abcde"

SAS = 6


@dataclass(frozen=True)
class State:
    """Who is registered with which key, and who holds; see `__str__`."""

    registered: dict[str, int]
    holders: frozenset[str]
    kind: int

    def __str__(self) -> str:
        """As in "a=K b=K c=O, b holds 5"; "nothing" without a registration; "all hold" where all registrants do."""
        keys = " ".join(f"{letter}={NAMES.get(key, hex(key))}" for letter, key in sorted(self.registered.items()))
        if not self.kind:
            return keys or "nothing"
        if self.kind in ALL_REGISTRANTS:
            return f"{keys}, all hold {self.kind}"
        return f"{keys}, {''.join(sorted(self.holders)) or 'nobody'} holds {self.kind}"

    def is_as(self, expected: str) -> bool:
        """Whether it is the expected one, where "we hold" leaves open by which path."""
        us_by = [expected.replace("we hold", f"{letter} holds") for letter in "ab"]
        return str(self) in us_by


def transport_id(letter: str) -> bytes:
    return bytes([SAS, 0, 0, 0]) + bytes.fromhex(initiator(LETTERS.index(letter))) + bytes(12)


LETTER_OF = {transport_id(letter): letter for letter in LETTERS}


@dataclass(frozen=True)
class Cluster:
    """`us` sends commands to the map through the helper `ours`, `other` straight to c.

    others_node: the sg node of c; udevd takes no notice of it.
    """

    ours: OurHelper
    us: Nexus
    other: Nexus
    others_node: Path
    paths: dict[str, MapPath]
    multipathd: Multipathd

    def state(self) -> State:
        settle([self.others_node])
        registrants = self.other.registrants()
        reservation = self.other.reservation()
        return State(
            {LETTER_OF[one.transport_id]: one.key for one in registrants},
            frozenset(LETTER_OF[one.transport_id] for one in registrants if one.holds),
            reservation.kind if reservation else 0,
        )

    def becomes(self, *expected: str) -> None:
        """Wait for one of these states."""
        eventually(
            lambda: any(map(self.state().is_as, expected)),
            " or ".join(expected),
            lambda: f"it is: {self.state()}\n{self.multipathd.said()}",
            seconds=20,
        )

    def start_afresh(self) -> None:
        """Every path is there and in use, and nobody registered, as everybody knows."""
        for path in self.paths.values():
            path.restore()
        forget_everything([self.others_node])
        assert forgotten(self.us).status == GOOD
        self.multipathd.forget()
        assert str(self.state()) == "nothing"


def forgotten(nexus: Nexus) -> Result:
    """Let the helper itself find out that there is nothing any more."""
    nexus.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=1)
    return nexus.write(Out.CLEAR, key=1)
