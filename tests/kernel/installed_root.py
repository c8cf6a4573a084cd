"""The installed Debian that a guest boots into, with dpkg and everything configured: the wanted suite.

If that is the machine's own, it is the host's root directory. Another suite is installed by debootstrap, which takes
root (tests/support/debian_root.py); its kernel and modules come from the root that was unpacked for it (root.py).
"""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian_root

from . import kernel, root
from .archive import own_suite
from .kernel import REPOSITORY, Kernel


@dataclass(frozen=True)
class Installed(root.Root):
    """An installed root directory, and beside it an unpacked one that has the kernel."""

    installed: Path

    @property
    def shares(self) -> dict[str, Path]:
        return {"root": self.installed, "host": Path("/")}

    @property
    def seen_by_guest(self) -> Path:
        return self.root.resolve()

    def preparation(self) -> list[str]:
        """Let pytest's Python find the tests. Nothing else may: the package must do with what it depends on."""
        purelib = sysconfig.get_path("purelib")
        return [
            f"export PYTHONPATH={REPOSITORY}:{purelib}",
            "export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_ADDOPTS='-p pytest_timeout'",
        ]


def obtain() -> Kernel:
    """Find or make what to boot. Raises MissingError."""
    suite = root.wanted_suite()
    if suite == own_suite():
        return kernel.obtain()
    installed = debian_root.obtain(suite, "build")
    return Installed(root.obtain().root, installed)
