"""QEMU as a Debian suite ships it, unpacked with all that it depends on, to run on any kernel.

    .cache/kernel/qemu/forky/
        recipe      what it was made by; by another recipe it is made anew
        usr/        its programs, run by the dynamic loader and with the libraries in here

So another version than the machine's own costs no installation, and needs neither root nor an emulated machine.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .archive import Archive
from .kernel import cache_folder, locked
from .unpacking import MERGED, unpack

PACKAGES = ("qemu-system-x86", "qemu-system-common")

RELEASED = {"bookworm": 7, "trixie": 10}
"""Major versions that will not change any more."""

LIBRARIES = "usr/lib/x86_64-linux-gnu"


class UnfitError(Exception):
    """A suite's QEMU is too old for what is to be tested; the text says so."""


@dataclass(frozen=True)
class Qemu:
    """An unpacked QEMU."""

    root: Path

    def command(self, program: str) -> list[str]:
        """How to call one of its programs."""
        libraries = self.root / LIBRARIES
        return [
            *(str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)),
            str(self.root / "usr/bin" / program),
        ]

    def machine(self) -> list[str]:
        """How to call the emulator: it also needs to be told where its firmware is."""
        folders = [self.root / "usr/share/qemu", self.root / "usr/share/seabios"]
        return [*self.command("qemu-system-x86_64"), *(word for folder in folders for word in ("-L", str(folder)))]

    @property
    def environment(self) -> Mapping[str, str]:
        """What the emulator needs in its environment, to find its modules."""
        return {"QEMU_MODULE_DIR": str(self.root / LIBRARIES / "qemu")}


def require_major(suite: str, least: int) -> None:
    """Raises UnfitError if it is known without a look that the suite's QEMU is too old."""
    major = RELEASED.get(suite)
    if major is not None and major < least:
        raise UnfitError(f"needs QEMU {least}, and {suite} has {major}: PRHELPER_SUITE=forky")


def obtain(suite: str) -> Qemu:
    """Find a suite's QEMU in the cache, or put it there. Raises MissingError if that cannot be done."""
    folder = cache_folder() / "qemu"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / suite
    with locked(folder / f"{suite}.lock"):
        if not target.exists() or (target / "recipe").read_text() != recipe():
            create(suite, target)
    return Qemu(target.resolve())


def recipe() -> str:
    return Path(__file__).read_text()


def create(suite: str, target: Path) -> None:
    """Download and unpack a suite's QEMU, in place of an older one."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="new-") as scratch:
        root = Path(scratch, "root")
        packages = Archive(suite, Path(scratch, "archive")).fetch(PACKAGES)
        for folder in MERGED:
            (root / "usr" / folder).mkdir(parents=True)
            (root / folder).symlink_to(f"usr/{folder}")
        for package in packages:
            unpack(package, root)
        (root / "recipe").write_text(recipe())
        if target.exists():
            shutil.rmtree(target)
        root.rename(target)
