"""Who is at the other end of a connection."""

from dataclasses import dataclass
from pathlib import Path

from .cgroups import unit_of_process


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as it was then.

    pid: 0 where it lives in a pid namespace that cannot be seen from here.
    name: its command name (proc(5), comm); empty where /proc hides it.
    account: what it is counted under, by limits of connections and of log lines. That is the unit of its cgroup, a
        virtual machine's scope or a pod, since children evade a count by process, and all virtual machines may be one
        user; where no unit can be seen it is the user.
    """

    pid: int
    uid: int
    name: str
    account: str = ""

    @classmethod
    def of(cls, pid: int, uid: int) -> "Peer":
        """Ask the kernel about the process that the socket says has connected (SO_PEERCRED)."""
        unit = unit_of_process(pid) if pid else None
        return cls(pid, uid, _command_name(pid), unit or f"user {uid}")

    def __str__(self) -> str:
        name = f' "{self.name}"' if self.name else ""
        return f"pid {self.pid} uid {self.uid}{name}"


def _command_name(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return ""
    # A process chooses its own name: nothing of it may end its quotes, or break or colour a line of the log.
    return "".join(character if character.isprintable() and character != '"' else "?" for character in name)
