"""What a guest does while paths of its map are away, and what they come back to."""

from __future__ import annotations

from tests.support.spc import CONFLICT, INVALID_RELEASE, Codes, Out

from ..thorough import THOROUGH
from .cluster import K2, OTHER, K
from .scenarios import BOTH, REGISTERED, WR, held
from .steps import Becomes, Command, Knows, On, Step

LUN_COMMUNICATION_FAILURE: Codes = (0x0B, 0x08, 0x00)
"""What no usable path is answered with."""

ON_A = [*BOTH, Command(Out.RESERVE, "a=K b=K c=O, a holds 5", key=K, kind=WR)]
"""We hold by the path a."""

FENCE = Command(Out.PREEMPT, "c=O, c holds 5", key=OTHER, new=K, kind=WR, by_other=True)

FENCE_ONLY = Command(Out.PREEMPT, "c=O", key=OTHER, new=K, kind=WR, by_other=True)
"""Where nobody holds, there is nothing to take over."""

AWAY = {"offline": "take_offline", "failed": "fail", "deleted": "delete"}
"""Ways of a path to be away: not found out yet, found out, and gone."""


def while_away(how: str) -> dict[str, list[Step]]:
    """What there is to do while the path a is away in one of those ways."""
    leaves, returns = On("a", AWAY[how]), On("a", "restore")
    return {
        "register, reserve, again, release": [
            leaves,
            Command(Out.REGISTER, "b=K", new=K),
            Command(Out.RESERVE, "b=K, b holds 5", key=K, kind=WR),
            Command(Out.RESERVE, key=K, kind=WR),
            Command(Out.RELEASE, "b=K", key=K, kind=WR),
            returns,
            Becomes("a=K b=K"),
            Knows(K),
        ],
        "reserve again what it holds": [
            *ON_A,
            leaves,
            Command(Out.RESERVE, "b=K c=O, b holds 5", key=K, kind=WR),
            returns,
            Becomes("a=K b=K c=O, b holds 5"),
            Knows(K),
        ],
        "release what it holds": [
            *ON_A,
            leaves,
            Command(Out.RELEASE, "b=K c=O", key=K, kind=WR),
            returns,
            Becomes("a=K b=K c=O"),
        ],
        "release what it holds, as another type": [
            *ON_A,
            leaves,
            Command(Out.RELEASE, answer=INVALID_RELEASE, key=K, kind=1),
            returns,
            Becomes("a=K b=K c=O, a holds 5"),
        ],
        "change the key": [
            *ON_A,
            leaves,
            Command(Out.REGISTER, "b=K2 c=O, b holds 5", key=K, new=K2),
            returns,
            Becomes("a=K2 b=K2 c=O, b holds 5"),
            Knows(K2),
        ],
        "unregister": [*ON_A, leaves, Command(Out.REGISTER, "c=O", key=K), returns, Becomes("c=O"), Knows(None)],
        "migrate: the source holds with our key": [
            REGISTERED,
            Command(Out.REGISTER, "a=K b=K c=K", new=K, by_other=True),
            Command(Out.RESERVE, "a=K b=K c=K, c holds 5", key=K, kind=WR, by_other=True),
            leaves,
            Command(Out.PREEMPT, "b=K, b holds 5", key=K, new=K, kind=WR),
            returns,
            Becomes("a=K b=K, b holds 5"),
        ],
        "be fenced": [
            *ON_A,
            leaves,
            FENCE,
            returns,
            Command(Out.RESERVE, answer=CONFLICT, key=K, kind=WR),
            Becomes("c=O, c holds 5"),
        ],
        "be fenced, having registered": [
            BOTH[0],
            leaves,
            Command(Out.REGISTER, "a=K b=K c=O", new=OTHER, by_other=True),
            Command(Out.REGISTER, key=K, new=K),
            FENCE_ONLY,
            returns,
            Becomes("c=O"),
        ],
        "clear": [*ON_A, leaves, Command(Out.CLEAR, "nothing", key=K), returns, Becomes("nothing"), Knows(None)],
        "preempt": [
            *ON_A,
            leaves,
            Command(Out.PREEMPT, "a=K b=K, a holds 5", key=K, new=OTHER, kind=WR),
            returns,
            Becomes("a=K b=K, a holds 5"),
        ],
    }


FOR_ALL = ("be fenced", "register, reserve, again, release", "reserve again what it holds")
"""What is tested for every way to be away, even in a hurry: multipathd takes seconds to find out."""

SCENARIOS: dict[str, list[Step]] = {
    f"{name} while a path is {how}": steps
    for how in AWAY
    for name, steps in while_away(how).items()
    if how == "offline" or name in FOR_ALL or THOROUGH
}

SCENARIOS |= {
    "no path": [
        *ON_A,
        On("a", "fail"),
        On("b", "fail"),
        Command(Out.RELEASE, answer=LUN_COMMUNICATION_FAILURE, key=K, kind=WR),
        Command(Out.REGISTER, answer=LUN_COMMUNICATION_FAILURE, key=K, new=K2),
        On("a", "restore"),
        On("b", "restore"),
        Becomes("a=K b=K c=O, a holds 5"),
        Command(Out.RESERVE, held(WR), key=K, kind=WR),
        Command(Out.RELEASE, "a=K b=K c=O", key=K, kind=WR),
    ],
    "a path that is away for less than a check, with a registration in it": [
        On("a", "take_offline"),
        Command(Out.REGISTER, "b=K", new=K),
        On("a", "bring_online"),
        Becomes("a=K b=K"),
    ],
    "a path that is away for less than a check, and fenced in it": [
        *ON_A,
        On("a", "take_offline"),
        FENCE,
        On("a", "bring_online"),
        Command(Out.RESERVE, answer=CONFLICT, key=K, kind=WR),
        Becomes("c=O, c holds 5"),
    ],
}
