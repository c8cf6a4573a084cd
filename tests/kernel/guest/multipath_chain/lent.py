"""udevd, multipathd and their tools, lent by a root of packages: this machine's own root directory is the host's.

So QEMU and the tests are the host's, and kernel and multipathd are the suite's.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

PROGRAMS = {
    "/usr/local/sbin/multipathd": "/usr/sbin/multipathd",
    "/usr/local/sbin/dmsetup": "/usr/sbin/dmsetup",
    "/usr/local/sbin/udevadm": "/usr/bin/udevadm",
    "/usr/lib/systemd/systemd-udevd": "/usr/lib/systemd/systemd-udevd",
}
"""Where each is to be found here, and where it is in the root of packages."""

SHARED = ("/dev", "/proc", "/sys", "/run", "/tmp")
CONFIGURATION = Path("/etc/multipath.conf")


def lend(root: Path) -> None:
    """Let programs of the root of packages be called as if they were this machine's own."""
    for folder in SHARED:
        subprocess.run(["mount", "--rbind", folder, f"{root}{folder}"], check=True)
    configuration = root / CONFIGURATION.relative_to("/")
    for file in (CONFIGURATION, configuration):
        file.touch()
    subprocess.run(["mount", "--bind", str(CONFIGURATION), str(configuration)], check=True)
    for here, there in PROGRAMS.items():
        script = Path(here)
        script.parent.mkdir(parents=True, exist_ok=True)
        script.unlink(missing_ok=True)
        # Without the variable udevadm does nothing in a root directory of its own.
        script.write_text(f'#!/bin/sh\nSYSTEMD_IGNORE_CHROOT=1 exec chroot {root} {there} "$@"\n')
        script.chmod(0o755)
