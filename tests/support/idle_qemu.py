"""A QEMU whose virtual machine has disks and never runs: for what looks at processes and at monitors."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack

from .programs import require_program

_COMMON = ["-machine", "q35", "-accel", "tcg", "-m", "16", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"]


def start_idle_qemu(stack: ExitStack, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start one, which ends with `stack`; returns when it is up."""
    qemu = require_program("qemu-system-x86_64", "qemu-system-x86")
    command = [qemu, "-name", f"guest={name}", *_COMMON, "-device", "virtio-scsi-pci", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdout is not None
    assert b"QMP" in process.stdout.readline()
    return process
