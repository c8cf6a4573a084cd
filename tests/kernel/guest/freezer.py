"""A device that takes a command and does not answer until we let it.

With the APTPL bit set, LIO writes the registrations to /var/target/pr before it answers. A file system is mounted
there that can be frozen: such a command is then stuck in the kernel, on a healthy transport, until the thaw. Neither a
signal nor the SG_IO timeout gets it out: the error handler's abort has to wait for the target as well. That is what a
dead array with queued I/O looks like.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .modules import modprobe

METADATA = Path("/var/target/pr")


def mount_metadata() -> None:
    """Put a small file system where LIO keeps registrations that survive a power loss."""
    if METADATA.is_mount():
        return
    modprobe("loop", "ext4")
    image = Path("/run/metadata.img")
    with image.open("wb") as file:
        file.truncate(8 << 20)
    METADATA.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(METADATA)], check=True)


class Freezer:
    """Freezes and thaws, each once."""

    def __init__(self) -> None:
        self._frozen = False

    def freeze(self) -> None:
        subprocess.run(["fsfreeze", "--freeze", str(METADATA)], check=True)
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen:
            subprocess.run(["fsfreeze", "--unfreeze", str(METADATA)], check=True)
            self._frozen = False


@contextmanager
def frozen() -> Iterator[Freezer]:
    """From here on, a PERSISTENT RESERVE OUT with APTPL gets stuck; thawed at the end at the latest."""
    mount_metadata()
    freezer = Freezer()
    freezer.freeze()
    try:
        yield freezer
    finally:
        freezer.thaw()
