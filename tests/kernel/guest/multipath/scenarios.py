"""What a guest does on a map whose paths are all there: each command, what is left, and what multipathd knows."""

from __future__ import annotations

from tests.support.spc import (
    ALL_REGISTRANTS,
    ALL_TG_PT,
    APTPL,
    CONFLICT,
    INVALID_FIELD_IN_CDB,
    INVALID_RELEASE,
    TYPES,
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
    Codes,
    Out,
)

from .cluster import K2, OTHER, K
from .steps import Command, Knows, Step

WR = WRITE_EXCLUSIVE_REGISTRANTS_ONLY

REGISTERED = Command(Out.REGISTER, "a=K b=K", new=K)
BOTH = [REGISTERED, Command(Out.REGISTER, "a=K b=K c=O", new=OTHER, by_other=True)]


def held(kind: int) -> str:
    """We and the other host are registered, and we hold."""
    return f"a=K b=K c=O, {'all hold' if kind in ALL_REGISTRANTS else 'we hold'} {kind}"


def we_hold(kind: int = WR) -> list[Step]:
    return [*BOTH, Command(Out.RESERVE, held(kind), key=K, kind=kind)]


def other_holds(kind: int = WR) -> list[Step]:
    state = f"a=K b=K c=O, {'all hold' if kind in ALL_REGISTRANTS else 'c holds'} {kind}"
    return [*BOTH, Command(Out.RESERVE, state, key=OTHER, kind=kind, by_other=True)]


SCENARIOS: dict[str, list[Step]] = {
    "register, register again, change the key, unregister": [
        REGISTERED,
        Knows(K),
        Command(Out.REGISTER, answer=CONFLICT, new=K),
        Command(Out.REGISTER, answer=CONFLICT, new=K2),
        Command(Out.REGISTER, answer=CONFLICT, key=OTHER, new=K2),
        Command(Out.REGISTER, key=K, new=K),
        Knows(K),
        Command(Out.REGISTER, "a=K2 b=K2", key=K, new=K2),
        Knows(K2),
        Command(Out.REGISTER, "nothing", key=K2),
        Knows(None),
        Command(Out.REGISTER, answer=CONFLICT, key=K),
    ],
    "register and ignore what there was": [
        Command(Out.REGISTER_AND_IGNORE_EXISTING_KEY, "a=K b=K", new=K),
        Command(Out.REGISTER_AND_IGNORE_EXISTING_KEY, "a=K2 b=K2", new=K2),
        Knows(K2),
        Command(Out.REGISTER_AND_IGNORE_EXISTING_KEY, "nothing"),
        Knows(None),
        Command(Out.REGISTER_AND_IGNORE_EXISTING_KEY, "nothing"),
    ],
    "wrong keys meet a conflict": [
        *we_hold(),
        Command(Out.RESERVE, answer=CONFLICT, key=K2, kind=WR),
        Command(Out.RELEASE, answer=CONFLICT, key=K2, kind=WR),
        Command(Out.CLEAR, answer=CONFLICT, key=K2),
        Command(Out.PREEMPT, answer=CONFLICT, key=K2, new=OTHER, kind=WR),
        Knows(K),
    ],
    "register with the unit's other flags": [
        Command(Out.REGISTER, "a=K b=K", new=K, flags=APTPL),
        Knows(K),
        Command(Out.REGISTER, "nothing", key=K),
        Command(Out.REGISTER, "a=K b=K", new=K, flags=ALL_TG_PT),
    ],
    "reserve while the other host holds": [
        *other_holds(),
        Command(Out.RESERVE, answer=CONFLICT, key=K, kind=WR),
        Command(Out.RELEASE, key=K, kind=WR),
    ],
    "clear": [*we_hold(), Command(Out.CLEAR, "nothing", key=K), Knows(None)],
    "unregister while holding": [*we_hold(), Command(Out.REGISTER, "c=O", key=K), Knows(None)],
    "unregister, ignoring the key, while holding": [
        *we_hold(),
        Command(Out.REGISTER_AND_IGNORE_EXISTING_KEY, "c=O"),
        Knows(None),
    ],
    "change the key while holding": [
        *we_hold(),
        Command(Out.REGISTER, "a=K2 b=K2 c=O, we hold 5", key=K, new=K2),
        Knows(K2),
    ],
    "preempt the holder": [
        *other_holds(),
        Command(Out.PREEMPT, "a=K b=K, we hold 5", key=K, new=OTHER, kind=WR),
        Knows(K),
    ],
    "preempt a registrant": [
        *we_hold(),
        Command(Out.PREEMPT, "a=K b=K, we hold 5", key=K, new=OTHER, kind=WR),
    ],
    "preempt the holder into another type": [
        *other_holds(),
        Command(Out.PREEMPT, "a=K b=K, we hold 3", key=K, new=OTHER, kind=3),
    ],
    "preempt a key that nobody has": [*we_hold(), Command(Out.PREEMPT, answer=CONFLICT, key=K, new=0xDEAD, kind=WR)],
    "preempt ourselves while we hold": [*we_hold(), Command(Out.PREEMPT, held(WR), key=K, new=K, kind=WR), Knows(K)],
    "migrate: the source holds with our key": [
        REGISTERED,
        Command(Out.REGISTER, "a=K b=K c=K", new=K, by_other=True),
        Command(Out.RESERVE, "a=K b=K c=K, c holds 5", key=K, kind=WR, by_other=True),
        Command(Out.PREEMPT, "a=K b=K, we hold 5", key=K, new=K, kind=WR),
        Knows(K),
    ],
    "preempt ourselves where nobody holds": [*BOTH, Command(Out.PREEMPT, "c=O", key=K, new=K, kind=WR)],
    "fenced, then release": [
        *we_hold(),
        Command(Out.PREEMPT, "c=O, c holds 5", key=OTHER, new=K, kind=WR, by_other=True),
        Command(Out.RELEASE, answer=CONFLICT, key=K, kind=WR),
        Command(Out.RESERVE, answer=CONFLICT, key=K, kind=WR),
    ],
    "all registrants hold, the other host releases": [
        *we_hold(7),
        Command(Out.RELEASE, "a=K b=K c=O", key=OTHER, kind=7, by_other=True),
    ],
    "all registrants hold, everybody leaves": [
        *we_hold(8),
        Command(Out.REGISTER, "a=K b=K, all hold 8", key=OTHER, by_other=True),
        Command(Out.REGISTER, "nothing", key=K),
    ],
    "all registrants hold, preempt everybody else": [
        *we_hold(7),
        Command(Out.PREEMPT, "a=K b=K, all hold 7", key=K, kind=7),
        Knows(K),
    ],
    "a type that there is not": [*BOTH, Command(Out.RESERVE, answer=INVALID_FIELD_IN_CDB, key=K, kind=2)],
}


def _other(kind: int) -> int:
    return 3 if kind == 1 else 1


def _wrong_type(kind: int) -> int | Codes:
    """What the holder meets that releases another type: LIO says conflict, but the other path proves that it is not."""
    return CONFLICT if kind in ALL_REGISTRANTS else INVALID_RELEASE


for _kind in TYPES:
    SCENARIOS[f"reserve type {_kind}, again, as another type, release as another, release, again"] = [
        *we_hold(_kind),
        Command(Out.RESERVE, key=K, kind=_kind),
        Command(Out.RESERVE, answer=CONFLICT, key=K, kind=_other(_kind)),
        Command(Out.RELEASE, answer=_wrong_type(_kind), key=K, kind=_other(_kind)),
        Command(Out.RELEASE, "a=K b=K c=O", key=K, kind=_kind),
        Command(Out.RELEASE, key=K, kind=_kind),
        Knows(K),
    ]
