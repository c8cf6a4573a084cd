"""Why a process that is there does nothing: it was stopped, or its cgroup is frozen, as a paused container's is."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...host.cgroups import paths_in
from .process_status import status_of

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_UNIFIED = ("", "unified")  # where version 2 is, alone or beside version 1 (systemd's hybrid mode)
_DETACH = (
    "End what traces it: ps -p {0} -o args shows it; a debugger lets it go with detach or quit, or kill {0}, and "
    "kill -CONT {1}."
)


class Stop(NamedTuple):
    """seen: what shows it. remedy: how to let the process go on."""

    seen: str
    remedy: str


def why(pid: int) -> Stop | None:
    """Why it does nothing; None if nothing keeps it from running."""
    for knob, frozen, thawed in _freezers(pid):
        try:
            if knob.read_text().strip() == frozen:
                thaw = f"Let its cgroup go on: resume the container, or echo {thawed} > {knob}."
                return Stop(f"{knob} is {frozen}", thaw)
        except OSError:
            continue
    status = status_of(pid)
    match status.get("State", " ")[0]:
        case "T":
            return Stop(f"pid {pid} is stopped (state T)", f"kill -CONT {pid}")
        case "t":
            tracer = status.get("TracerPid", "?")
            return Stop(f"pid {pid} is stopped by pid {tracer}, which traces it", _DETACH.format(tracer, pid))
    return None


def _freezers(pid: int) -> Iterator[tuple[Path, str, str]]:
    """The files that may freeze its cgroup, from the topmost down, with what they hold if they do, and if not."""
    try:
        content = (_PROC / str(pid) / "cgroup").read_bytes()
    except OSError:
        return
    for path in paths_in(content, b"0", b""):
        for root, folder in itertools.product(_UNIFIED, _from_the_top(path)):
            yield _CGROUPS / root / folder / "cgroup.freeze", "1", "0"
    for path in paths_in(content, None, b"freezer"):
        for folder in _from_the_top(path):
            yield _CGROUPS / "freezer" / folder / "freezer.state", "FROZEN", "THAWED"


def _from_the_top(path: str) -> list[str]:
    folders = [Path(path), *Path(path).parents]
    return [str(each).lstrip("/") for each in reversed(folders)]
