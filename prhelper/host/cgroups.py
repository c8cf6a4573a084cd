"""Which unit a process belongs to, by its cgroup: a virtual machine's scope, a pod, a service, a user's login.

A process can start children and make cgroups below its own, but it cannot leave its unit. So limits count by unit.
Paths are those of /proc/PID/cgroup (cgroups(7)), of version 2 or of systemd's hierarchy of version 1.
"""

import re
from pathlib import Path

_POD = re.compile(r"(^|-)pod[0-9a-f]{8}[0-9a-f_-]*(\.slice)?$")
_LOGIN = re.compile(r"^user-\d+\.slice$")


def unit_of_process(pid: int) -> str | None:
    """The unit of a process; None where its cgroup cannot be seen, or names no unit."""
    try:
        content = Path(f"/proc/{pid}/cgroup").read_bytes()
    except OSError:
        return None
    return unit_in(content)


def unit_in(content: bytes) -> str | None:
    """The unit that /proc/PID/cgroup names."""
    paths = paths_in(content, b"0", b"") + paths_in(content, None, b"name=systemd")
    return next((unit for path in paths if (unit := unit_of_path(path)) is not None), None)


def paths_in(content: bytes, number: bytes | None, controllers: bytes) -> list[str]:
    """The paths that /proc/PID/cgroup names in one hierarchy; version 2 is number 0, without controllers.

    A process may give the cgroups below its own any name that has no newline. So only the first two fields of a line
    say which hierarchy it is of, and only a newline ends one: `str.splitlines` knows more ends, and reading as text
    makes one of a carriage return.
    """
    lines = [fields for line in content.split(b"\n") if len(fields := line.split(b":", 2)) == 3]
    return [
        path.decode(errors="replace")
        for line_number, line_controllers, path in lines
        if line_controllers == controllers and number in (None, line_number)
    ]


def unit_of_path(path: str) -> str | None:
    """The outermost unit of a cgroup path; anything below it may be its own making. None if it names no unit."""
    # Seen from inside a cgroup namespace, a path outside of it begins with "/..".
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth, part in enumerate(parts, start=1):
        if _POD.search(part) or _LOGIN.match(part) or part.endswith((".scope", ".service")):
            return "/".join(parts[:depth])
    return None
