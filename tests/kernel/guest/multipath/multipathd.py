"""udevd and multipathd, as the suite ships them."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ..modules import modprobe

CONFIGURATION = Path("/etc/multipath.conf")
LOG = Path("/run/multipathd.log")
MAP = "mpatha"

SOCKETS = ("/run/multipathd.socket", "\0/org/kernel/linux/storage/multipathd")
"""Since 0.12, and before."""

LENGTH = struct.Struct("=Q")

TEXT = """\
defaults {{
    find_multipaths no
    user_friendly_names yes
    polling_interval 1
    max_polling_interval 1
    {reservation_key}
}}
blacklist {{
    devnode "^{blacklisted}"
}}
overrides {{
    {overrides}
}}
"""


def start_udevd() -> None:
    """Start udevd, and let it take notice of the disks there are."""
    Path("/run/udev").mkdir(exist_ok=True)
    subprocess.run(["/usr/lib/systemd/systemd-udevd", "--daemon"], check=True)
    subprocess.run(["udevadm", "trigger", "--action=add", "--subsystem-match=block"], check=True)
    subprocess.run(["udevadm", "settle"], check=True)


class Multipathd:
    """The daemon, for a host that leaves `blacklisted`, a disk's name, alone. overrides: further configuration."""

    def __init__(self, blacklisted: str, overrides: str = "") -> None:
        modprobe("dm_mod", "dm_multipath", "dm_service_time", "scsi_dh_alua")
        self._blacklisted = blacklisted
        self._overrides = overrides
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, reservation_key: str = "reservation_key file") -> None:
        """Start it; return when it answers."""
        CONFIGURATION.write_text(
            TEXT.format(blacklisted=self._blacklisted, overrides=self._overrides, reservation_key=reservation_key)
        )
        with LOG.open("ab") as log:
            self._process = subprocess.Popen(["multipathd", "-d"], stdout=log, stderr=log)
        eventually(lambda: self.ask("show daemon").startswith("pid"), "multipathd answers", self.said)

    def stop(self) -> None:
        """End it; the map stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def ask(self, command: str) -> str:
        """Its answer, without the newline; "" if nothing listens."""
        for address in SOCKETS:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(30)
                try:
                    connection.connect(address)
                except OSError:
                    continue
                message = command.encode() + b"\0"
                connection.sendall(LENGTH.pack(len(message)) + message)
                (length,) = LENGTH.unpack(connection.recv(LENGTH.size, socket.MSG_WAITALL))
                return connection.recv(length, socket.MSG_WAITALL).rstrip(b"\0\n").decode()
        return ""

    def paths(self) -> dict[str, str]:
        """The map's paths by name: "active" or "failed"."""
        told = self.ask('show paths raw format "%m %d %t"').splitlines()
        return {name: state for map_, name, state in map(str.split, told) if map_ == MAP}

    def key(self) -> int | None:
        """The key that it registers paths with."""
        told = self.ask(f"getprkey map {MAP}").split(":")[0]
        return None if told == "none" else int(told, 16)

    def registers(self) -> bool:
        """Whether it registers paths that come back."""
        return self.ask(f"getprstatus map {MAP}") in ("1", "set")

    def forget(self) -> None:
        """Make it forget about keys."""
        for command in ("unsetprstatus", "unsetprkey", "unsetprhold"):
            self.ask(f"{command} map {MAP}")

    def said(self) -> str:
        return LOG.read_text(errors="replace")


def device_of_map() -> Path | None:
    """The node of the map, if it is there."""
    for file in Path("/sys/block").glob("dm-*/dm/name"):
        if file.read_text() == f"{MAP}\n":
            return Path("/dev") / file.parts[3]
    return None


def eventually(holds: Callable[[], bool], what: str, story: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something holds that nothing tells of."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{story()}"
        time.sleep(0.1)
