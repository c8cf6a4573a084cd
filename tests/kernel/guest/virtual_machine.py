"""QEMU in the guest: the root directory's own, or the one that was unpacked for the wanted suite."""

from __future__ import annotations

import os
from pathlib import Path

from tests.kernel.qemu import Qemu
from tests.support.virtual_machine.machine import Program

STILL = ("-accel", "tcg", "-S")


def program() -> Program:
    """How to call it, for a guest that stays."""
    if unpacked := os.environ["GUEST_QEMU"]:
        qemu = Qemu(Path(unpacked))
        return Program(qemu.machine(), qemu.environment, STILL)
    return Program(["qemu-system-x86_64"], {}, STILL)
