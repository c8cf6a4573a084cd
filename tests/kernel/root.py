"""A root directory of a Debian suite's own packages to boot into: its kernel, udev, multipathd, fence agents, libvirt,
QEMU and Python.

It is kept in the cache of the kernels:

    .cache/kernel/roots/trixie-52bf0ab1/
        initramfs   boots into it, made anew for each run

The number is that of the recipe, unpacking.py. By another recipe another root is made, since a machine may be running
in this one; what no run has booted into for a day is removed then.

PRHELPER_SUITE names another suite than the machine's own.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import time
from pathlib import Path

from . import initramfs, unpacking
from .archive import own_suite
from .kernel import REPOSITORY, Kernel, cache_folder, locked, require_tools

PURE_MODULES = (
    *("_pytest", "anyio", "idna", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "sniffio"),
    *("pytest_timeout.py", "typing_extensions.py"),
)
"""What the tests need of this repository's environment: pytest's reports are understood by the same pytest only."""


DAY = 24 * 60 * 60.0


class Root(Kernel):
    """A complete root directory, with a kernel in it."""

    @property
    def shares(self) -> dict[str, Path]:
        return {"root": self.root, "host": Path("/")}

    @property
    def folders(self) -> list[Path]:
        """What the guest has from the host, at the same places."""
        return [REPOSITORY, cache_folder().resolve(), Path(sysconfig.get_path("purelib"))]

    @property
    def python(self) -> str:
        return "/usr/bin/python3"

    @property
    def seen_by_guest(self) -> Path:
        return Path("/")

    def preparation(self) -> list[str]:
        """Let every Python of the guest find prhelper and the tests, and behind the suite's own modules pytest."""
        places = f"{REPOSITORY}\\n{sysconfig.get_path('purelib')}\\n"
        return [
            f"printf '{places}' > /usr/lib/python3/dist-packages/of-the-host.pth",
            "export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_ADDOPTS='-p pytest_timeout'",
        ]

    def compile(self) -> None:
        ours = [REPOSITORY / folder for folder in ("prhelper", "tests/kernel", "tests/support")]
        purelib = Path(sysconfig.get_path("purelib"))
        unpacking.compile_modules(self.root, [*ours, *(purelib / name for name in PURE_MODULES)])


def wanted_suite() -> str:
    return os.environ.get("PRHELPER_SUITE") or own_suite()


def obtain() -> Root:
    """Find the root of the wanted suite in the cache, or put it there. Raises MissingError if that cannot be done."""
    require_tools()
    suite = wanted_suite()
    roots = cache_folder() / "roots"
    roots.mkdir(parents=True, exist_ok=True)
    with locked(roots / f"{suite}.lock"):
        found = Root(roots / f"{suite}-{unpacking.recipe()}")
        if not found.root.exists():
            remove_unused(roots)
            unpacking.create(suite, found.root)
        fresh = found.initramfs.with_suffix(".new")
        initramfs.write_boot(fresh, found.root, found.version)
        fresh.rename(found.initramfs)
    return found


def remove_unused(roots: Path) -> None:
    """Remove the roots that no run has booted into for a day."""
    for used in roots.glob("*/initramfs"):
        if used.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(used.parent)
