"""The process at the other end of a connection."""

from dataclasses import dataclass
from pathlib import Path

from .cgroups import unit_of_process


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
        """Look up the process that connected, by the credentials of its socket (SO_PEERCRED)."""
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
    # A process chooses its own name: it must not close its quotes, or break or colour a line of the log.
    return "".join(character if character.isprintable() and character != '"' else "?" for character in name)
