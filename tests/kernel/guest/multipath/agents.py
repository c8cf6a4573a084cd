"""The fence agents of the suite, as the other host runs them.

Both read first: READ KEYS; PREEMPT AND ABORT if the key is there; READ KEYS. Here that goes out as PREEMPT, for the
kernel's loopback target never answers the other. fence_mpath gives its commands to mpathpersist; the other host has no
map, and sg_persist understands the same options. What meets a unit attention is sent again.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

TOOL = Path("/run/sg_persist-without-abort")
SCRIPT = """\
#!/bin/sh
for argument; do
    shift
    case "$argument" in
        -A | --preempt-abort) argument=--preempt ;;
    esac
    set -- "$@" "$argument"
done
until sg_persist "$@"; do
    status=$?
    [ $status = 6 ] || exit $status  # unit attention: take-overs go on meanwhile
done
"""


@dataclass(frozen=True)
class Agent:
    """An agent by name, with its options for the key and for the program to send commands with."""

    name: str
    key: str
    tool: str

    def __str__(self) -> str:
        return self.name

    def run(self, action: str, key: int, disk: Path) -> None:
        """Carry out "on" for its own key, or "off" for another host's. AssertionError if it says that it failed."""
        TOOL.write_text(SCRIPT)
        TOOL.chmod(0o755)
        command = [f"/usr/sbin/{self.name}", f"--action={action}", f"--{self.key}={key:x}", f"--devices={disk}"]
        done = subprocess.run([*command, f"--{self.tool}={TOOL}", "--verbose"], capture_output=True, text=True)
        assert done.returncode == 0, f"{done.args}\n{done.stdout}{done.stderr}"


AGENTS = (Agent("fence_scsi", "key", "sg_persist-path"), Agent("fence_mpath", "plug", "mpathpersist-path"))
