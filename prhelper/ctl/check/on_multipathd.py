"""Whether multipathd can be asked by who acts on maps, as that process itself says: it may not reach what others do.

Where it cannot tell, this process asks, if it is root as well: multipathd serves nobody else.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...device.multipath.multipathd import PATIENCE, Multipathd
from ..control import Control
from ..exits import ToolError
from . import serving
from .causes import MULTIPATHD_UNREACHABLE
from .finding import Finding
from .serving import WORKER_UNIT, greets

WORKER_CONTROL = Path("/run/prhelper-multipath/control")
_PAUSE = 0.2
_LET_IT = (
    "multipathd runs, but {} does not reach it: see the drop-ins of its unit (systemctl cat) and what AppArmor or "
    "SELinux denied."
)


class _Told(NamedTuple):
    """who: acts on maps, and says so. trouble: why it does not reach multipathd; None if it does."""

    who: str
    trouble: str | None


def look(name: str, status: dict[str, Any] | None, control: Path, multipathd: Multipathd) -> Iterator[Finding]:
    """`status`: what the daemon on `control` answers to GetStatus, if it can be asked. `name`: of the map."""
    ours = multipathd.request("show daemon").trouble if os.geteuid() == 0 else None
    told = _told(status, control)
    if told is None and ours is not None:
        yield MULTIPATHD_UNREACHABLE.found(name, ours)
    elif told is not None and told.trouble is not None:
        reaches_it = os.geteuid() == 0 and ours is None
        remedy = _LET_IT.format(told.who) if reaches_it else ""
        yield MULTIPATHD_UNREACHABLE.found(name, f"{told.who} says: {told.trouble}", remedy)


def _told(status: dict[str, Any] | None, control: Path) -> _Told | None:
    """None if nobody tells."""
    multipath = {} if status is None else status["multipath"]
    if multipath.get("handled") == "here":
        return _asked("prhelper", control)
    if multipath.get("handled") == "worker" and greets(Path(multipath["socket"]), serving.PATIENCE):
        return _asked(WORKER_UNIT, WORKER_CONTROL)
    return None


def _asked(who: str, control: Path) -> _Told | None:
    """What it says that came of asking just now, which may take as long as multipathd is waited for."""
    asked_since = time.time() - PATIENCE
    deadline = time.monotonic() + 2 * PATIENCE
    try:
        with Control(control) as daemon:
            while True:
                told = daemon.call("GetStatus")["multipath"].get("multipathd")
                if told is not None and told["asked_at"] >= asked_since * 1_000_000:
                    return _Told(who, told["trouble"])
                if time.monotonic() > deadline:
                    return None
                time.sleep(_PAUSE)
    except ToolError:
        return None
