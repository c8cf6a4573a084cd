"""The process at the other end of a connection."""

import errno
import os
from pathlib import Path
from typing import NamedTuple

from .cgroups import unit_of_process
from .chosen_text import harmless
from .process_stat import ProcessStat


class Peer(NamedTuple):
    """The process that connected, as it was at that time.

    pid: 0 if it is in another PID namespace and has no PID in ours.
    name: its command name (proc(5), comm); empty where /proc hides it.
    account: what limits of connections and of log lines count by. It is the unit of its cgroup, such as a virtual
        machine's scope or a pod: children evade a count by process, and all virtual machines may run as one user.
        Where no unit can be seen, it is the user.
    started: when the process was started, in clock ticks since boot; 0 where /proc hides it.
    """

    pid: int
    uid: int
    name: str
    account: str = ""
    started: int = 0

    @classmethod
    def of(cls, pid: int, uid: int) -> "Peer":
        """Look up the process that connected, by the credentials of its socket (SO_PEERCRED).

        Raises ProcessLookupError if it has ended: then no unit can be seen, and it would be counted by its user. So a
        connection that a child has left to its parent would be counted apart from the parent's own.
        """
        unit = unit_of_process(pid) if pid else None
        stat = _stat(pid) if pid else None
        peer = cls(pid, uid, _command_name(pid), unit or f"user {uid}", stat.started if stat else 0)
        if pid and (stat.is_exiting if stat else not _exists(pid)):
            raise ProcessLookupError(errno.ESRCH, f"{peer} has ended")
        return peer

    def __str__(self) -> str:
        name = f' "{self.name}"' if self.name else ""
        return f"pid {self.pid} uid {self.uid}{name}"


def _command_name(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return ""
    return harmless(name)  # a process chooses its own


def _stat(pid: int) -> ProcessStat | None:
    try:
        return ProcessStat.parse(Path(f"/proc/{pid}/stat").read_bytes())
    except OSError:
        return None


def _exists(pid: int) -> bool:
    """Whether there is a process of this number, though /proc may hide it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
