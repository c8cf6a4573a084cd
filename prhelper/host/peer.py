"""The process at the other end of a connection."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from .cgroups import unit_of_process

_PF_EXITING = 0x4
"""The process is ending, or has ended and was not waited for (include/linux/sched.h)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as it was at that time.

    pid: 0 if it is in another PID namespace and has no PID in ours.
    name: its command name (proc(5), comm); empty where /proc hides it.
    account: what limits of connections and of log lines count by. It is the unit of its cgroup, such as a virtual
        machine's scope or a pod: children evade a count by process, and all virtual machines may run as one user.
        Where no unit can be seen, it is the user.
    """

    pid: int
    uid: int
    name: str
    account: str = ""

    @classmethod
    def of(cls, pid: int, uid: int) -> "Peer":
        """Look up the process that connected, by the credentials of its socket (SO_PEERCRED).

        Raises ProcessLookupError if it has ended: then no unit can be seen, and it would be counted by its user. So a
        connection that a child has left to its parent would be counted apart from the parent's own.
        """
        unit = unit_of_process(pid) if pid else None
        peer = cls(pid, uid, _command_name(pid), unit or f"user {uid}")
        if pid and _has_ended(pid):
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
    # A process chooses its own name: it must not close its quotes, or break or colour a line of the log.
    return "".join(character if character.isprintable() and character != '"' else "?" for character in name)


def _has_ended(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return not _exists(pid)
    after_name = stat.rpartition(b")")[2].split()  # the name may hold blanks and parentheses
    return bool(int(after_name[6]) & _PF_EXITING)


def _exists(pid: int) -> bool:
    """Whether there is a process of this number, though /proc may hide it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
