"""Who is at the other end of a connection."""

from dataclasses import dataclass
from pathlib import Path

from .channel import SocketChannel


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as it was then.

    pid: 0 where it lives in a pid namespace that cannot be seen from here.
    name: its command name (proc(5), comm); empty where /proc hides it.
    """

    pid: int
    uid: int
    name: str

    @classmethod
    def of(cls, channel: SocketChannel) -> "Peer":
        """Ask the kernel who connected. Raises OSError if the socket has no peer."""
        pid, uid, _ = channel.peer_credentials()
        return cls(pid, uid, _command_name(pid))

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
