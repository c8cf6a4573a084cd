"""Which QEMU ours is compared with: the machine's own, or that of the Debian suite PRHELPER_SUITE, unpacked.

The latter needs neither root nor a machine, but the network for the first time.
"""

import contextlib
import functools
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from ...kernel import archive, kernel, qemu
from ...support.programs import missing, require_program


@dataclass(frozen=True)
class Programs:
    """How to call QEMU's helper and emulator, what the emulator needs in its environment, and their version."""

    helper: list[str]
    emulator: list[str]
    environment: Mapping[str, str]
    version: tuple[int, int]


@functools.cache
def programs() -> Programs:
    """What to compare with; without it the test is skipped."""
    suite = os.environ.get("PRHELPER_SUITE")
    with contextlib.suppress(kernel.MissingError):
        if suite == archive.own_suite():
            suite = None
    if not suite:
        helper = [require_program("qemu-pr-helper", "qemu-system-common")]
        emulator = [require_program("qemu-system-x86_64", "qemu-system-x86")]
        return Programs(helper, emulator, {}, version_of(helper))
    try:
        unpacked = qemu.obtain(suite)
    except kernel.MissingError as error:
        missing(str(error))
    helper = unpacked.command("qemu-pr-helper")
    return Programs(helper, unpacked.machine(), unpacked.environment, version_of(helper))


def version_of(command: list[str]) -> tuple[int, int]:
    """Major and minor version."""
    told = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", told)
    assert found, told
    return int(found[1]), int(found[2])
