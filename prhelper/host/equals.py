"""Whether a process may have all that this one has: by its user, and by what it could do anyway.

Descriptors of disks pass through a helper, so that both are the same user is not enough: others may run as that user,
say nobody, with less. The kernel asks the same of who wants to trace a process (ptrace(2)).
"""

import os
from pathlib import Path
from typing import NamedTuple


class _Rights(NamedTuple):
    """uids: real, effective, saved, of files. capabilities: the permitted set. namespace: how its users are mapped.

    A program with set-uid that has switched back for a while still has saved what it may become. A user namespace made
    without privileges gives every capability, and maps not every user onto itself, as seen from here.
    """

    uids: frozenset[int]
    capabilities: int
    namespace: str

    @classmethod
    def of(cls, process: str) -> "_Rights":
        """Raises OSError where /proc hides it."""
        folder = Path("/proc", process)
        lines = (line.partition(":") for line in (folder / "status").read_text(errors="replace").splitlines())
        status = {name: value.split() for name, _, value in lines}
        namespace = " ".join((folder / "uid_map").read_text().split())
        return cls(frozenset(map(int, status["Uid"])), int(status["CapPrm"][0], 16), namespace)


def why_not_equal(pid: int, uid: int) -> str | None:
    """Why the process `pid`, which connected as `uid`, has less right than this one; None if it has as much.

    Ask afterwards whether that process still lives: its number may have become another's.
    """
    own = os.geteuid()
    if uid not in (0, own):
        return f"only {f'root and uid {own}' if own else 'root'} may do that, and this is uid {uid}"
    try:
        theirs, ours = _Rights.of(str(pid)), _Rights.of("self")
    except OSError:
        return "it cannot see your process in /proc (another PID namespace, hidepid=): start the new one beside it"
    if theirs.namespace != ours.namespace:
        return "your process is in another user namespace: start the new one beside it"
    if theirs.uids != {uid}:
        return "your process has changed its user"
    if ours.capabilities & ~theirs.capabilities:
        return "it has capabilities that your process lacks: start the new one as root"
    return None
