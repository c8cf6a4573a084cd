"""Kernel modules, from the package that the host unpacked."""

from __future__ import annotations

import os
import subprocess


def modprobe(*names: str, options: str = "") -> None:
    """Load modules; `options` go to the last of them."""
    tool = ["modprobe", "-d", os.environ["GUEST_KERNEL"]]
    for name in names:
        arguments = options.split() if name == names[-1] else []
        subprocess.run([*tool, name, *arguments], check=True)
