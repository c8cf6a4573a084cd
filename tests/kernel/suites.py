"""The suites of guest-side tests, one boot each, and what each boots. A suite is a folder under `guest/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import installed_root, kernel, qemu, root
from .archive import own_suite
from .guest.thorough import THOROUGH


@dataclass(frozen=True)
class Suite:
    """How to boot one folder of tests.

    silence: seconds without a report after which the machine counts as hung; longer than any of its tests may take.
    of_packages: boot into a root directory of Debian packages (root.py), not into the host's.
    kernel_of_packages: take the kernel from such a root, and boot into the host's, which has QEMU.
    installed: boot into a root where the wanted suite is installed (installed_root.py), such as the host's.
    init: a script to go on with before the tests.
    revisions: how many revisions of the Debian package its tests need.
    least_qemu: the major version of QEMU that its tests need at least, from the same suite as the root of packages.
    """

    memory: int = 1024
    silence: float = 3030 if THOROUGH else 330
    of_packages: bool = False
    kernel_of_packages: bool = False
    installed: bool = False
    init: str = ""
    revisions: int = 0
    least_qemu: int = 0

    def obtain(self) -> kernel.Kernel:
        """Find what to boot. Raises MissingError and UnfitError."""
        if self.least_qemu:
            qemu.require_major(root.wanted_suite(), self.least_qemu)
        if self.kernel_of_packages:
            return kernel.Kernel(root.obtain().root)
        if self.installed:
            return installed_root.obtain()
        return root.obtain() if self.of_packages else kernel.obtain()

    def obtain_qemu(self) -> Path | None:
        """Find the wanted suite's QEMU, where the guest's own root directory does not have it. Raises MissingError."""
        if self.least_qemu or (self.installed and root.wanted_suite() != own_suite()):
            return qemu.obtain(root.wanted_suite()).root
        return None


# The ones that take longest come first.
SUITES = {
    "systemd": Suite(init="guest/systemd/boot.sh"),
    "chain": Suite(memory=2048, silence=700),
    "multipath_chain": Suite(memory=2048, silence=700, kernel_of_packages=True),
    "libvirt": Suite(memory=2048, silence=1250, of_packages=True, init="guest/systemd/boot.sh"),
    "multipath": Suite(memory=1536, of_packages=True),
    "migration": Suite(memory=1536, of_packages=True, least_qemu=11),
    "package": Suite(silence=630, installed=True, init="guest/systemd/boot.sh", revisions=2),
    "scsi": Suite(),
}
