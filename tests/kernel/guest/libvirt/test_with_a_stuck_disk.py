"""A machine that is destroyed while its managed helper waits for a disk: the last test of its room."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.helper import wait_until

from ..freezer import frozen
from ..trace import Trace
from . import host
from .domain import Domain

pytestmark = pytest.mark.timeout(1200)

LIBVIRTS_PATIENCE = 90.0
"""Seconds for it to kill QEMU, after 10 or 15, and then the helper, after 10."""


def test_destroyed_machine_leaves_a_line_about_the_disk_and_no_helper(domain: Domain) -> None:
    helper = domain.helper
    with frozen() as freezer, Trace() as trace:
        domain.begin("sg_persist --no-inquiry --out --register-ignore --param-sark=abc --param-aptpl /dev/disk0")
        trace.wait_for("start")
        with subprocess.Popen(["virsh", "--connect", "qemu:///system", "destroy", domain.name]) as destroying:
            wait_until(lambda: is_killed(helper), LIBVIRTS_PATIENCE, "libvirt to kill the helper")
            assert re.search(r'still waiting for .*machine "one".*device 8:0 \(sda\)', host.log())
            freezer.thaw()  # only now can the kernel let the process go
    assert destroying.returncode == 0
    wait_until(lambda: not Path(f"/proc/{helper}").exists(), what="the helper to be gone")
    assert domain.pidfile is None
    assert host.virsh("list", "--name") == ""


def is_killed(pid: int) -> bool:
    """Whether a SIGKILL waits for a process that cannot take it, or has ended it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    pending = re.search(r"^ShdPnd:\s*(\w+)", status, re.MULTILINE)
    return pending is not None and bool(int(pending[1], 16) & 1 << signal.SIGKILL - 1)
