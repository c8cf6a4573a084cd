"""Why a process that is there does nothing: it was stopped, or its cgroup is frozen, as a paused container's is."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


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
    try:
        state = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None
    return Stop(f"pid {pid} is stopped (state {state})", f"kill -CONT {pid}") if state in "Tt" else None


def _freezers(pid: int) -> Iterator[tuple[Path, str, str]]:
    """The files that may freeze its cgroup, from the topmost down, with what they hold if they do, and if not."""
    try:
        lines = (_PROC / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        folders = [Path(path), *Path(path).parents]
        for folder in reversed([str(each).lstrip("/") for each in folders]):
            if not controllers:
                yield _CGROUPS / folder / "cgroup.freeze", "1", "0"
            elif controllers == "freezer":
                yield _CGROUPS / "freezer" / folder / "freezer.state", "FROZEN", "THAWED"
